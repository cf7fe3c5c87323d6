"""URL COMMAND...: runs a server until the URL answers, and ends it."""

import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request

SECONDS = 120


def main() -> None:
    url, *command = sys.argv[1:]
    with subprocess.Popen(command) as server:
        try:
            wait_for(url, server)
        finally:
            server.send_signal(signal.SIGINT)


def wait_for(url: str, server: "subprocess.Popen[bytes]") -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        try:
            opener.open(url, timeout=5).close()
            return
        except (urllib.error.URLError, OSError):
            if server.poll() is not None:
                sys.exit(f"{server.args!r} ended with {server.returncode}")
            time.sleep(0.1)
    sys.exit(f"{url} does not answer")


if __name__ == "__main__":
    main()
