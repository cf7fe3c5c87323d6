"""etcd is put back to an earlier day under a running operator."""
