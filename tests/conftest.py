import signal

from hypothesis import settings

pytest_plugins = ["lanes", "servers.fixtures", "cluster.fixtures", "images.fixtures"]

# A shell starts what runs in its background deaf to Ctrl-C, and so are the commands under test.
signal.signal(signal.SIGINT, signal.default_int_handler)

# No test asserts on time; the machine may have much else to do.
settings.register_profile("retrain", deadline=None)
settings.load_profile("retrain")
