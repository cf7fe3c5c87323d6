import signal

pytest_plugins = ["lanes", "servers.fixtures", "cluster.fixtures", "images.fixtures"]

# A shell starts what runs in its background deaf to Ctrl-C, and so are the commands under test.
signal.signal(signal.SIGINT, signal.default_int_handler)
