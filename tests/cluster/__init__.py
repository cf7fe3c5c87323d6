"""A Kubernetes cluster for tests: a real one of this machine's own, kind, or any context."""
