"""What is called in a program's place: hands all it was given to the server, and waits."""

import contextlib
import json
import os
import signal
import socket
import sys

FORWARDED = (signal.SIGINT, signal.SIGTERM)
FAILED = 125
"""No program of ours ends so."""


def main() -> int:
    address, module, *arguments = sys.argv[1:]
    order = {
        "module": module,
        "arguments": arguments,
        "environment": dict(os.environ),
        "folder": os.getcwd(),
    }
    signal.pthread_sigmask(signal.SIG_BLOCK, FORWARDED)
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(address)
        socket.send_fds(server, [b"."], [0, 1, 2])
        server.sendall(json.dumps(order).encode() + b"\n")
        answers = server.makefile()
        pid = int(answers.readline())
        for number in FORWARDED:
            signal.signal(number, lambda number, _: _forward(pid, number))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, FORWARDED)
        return int(answers.readline())


def _forward(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


if __name__ == "__main__":
    try:
        code = main()
    except (OSError, ValueError) as error:
        print(f"the fork server: {error!r}", file=sys.stderr)
        code = FAILED
    if code < 0:
        # As the program ended.
        with contextlib.suppress(OSError):
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    sys.exit(code)
