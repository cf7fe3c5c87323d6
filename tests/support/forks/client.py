"""What is called in a program's place: hands all it was given to the server, and waits."""

import json
import os
import signal
import socket
import sys


def main() -> int:
    address, module, *arguments = sys.argv[1:]
    order = {
        "module": module,
        "arguments": arguments,
        "environment": dict(os.environ),
        "folder": os.getcwd(),
    }
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(address)
        socket.send_fds(server, [b"."], [0, 1, 2])
        server.sendall(json.dumps(order).encode() + b"\n")
        answers = server.makefile()
        pid = int(answers.readline())
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda number, _: os.kill(pid, number))
        return int(answers.readline())


if __name__ == "__main__":
    code = main()
    if code < 0:
        # As the program ended.
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    sys.exit(code)
