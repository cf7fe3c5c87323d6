"""Serves the files of /files, whose names have `__` for `/`, as the git repository /iris.git."""

import os
import subprocess
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

FILES = Path(os.environ.get("FILES", "/files"))
ROOT = Path(os.environ.get("ROOT", "/tmp/git"))
PORT = int(os.environ.get("PORT", "8080"))
# Always the same: a pod that starts again serves the same commit.
WHO = {"NAME": "Retrain", "EMAIL": "demo@retrain.dev", "DATE": "2026-01-01T00:00:00Z"}
IDENTITY = {
    f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in WHO.items()
}
ENVIRONMENT = {"PATH": os.environ["PATH"], "HOME": "/tmp", "GIT_CONFIG_NOSYSTEM": "1"}


def make_repository() -> None:
    folder = ROOT / "iris.git"
    folder.mkdir(parents=True)
    for file in FILES.iterdir():
        if file.name.startswith(".."):  # how a ConfigMap is mounted
            continue
        target = folder / file.name.replace("__", "/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.read_bytes())
    for command in (
        ["init", "--quiet", "--initial-branch=main"],
        ["add", "--all", "--force"],
        ["commit", "--quiet", "--message=The iris example"],
    ):
        subprocess.run(["git", *command], cwd=folder, env=ENVIRONMENT | IDENTITY, check=True)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.answer(b"")

    def do_POST(self) -> None:
        self.answer(self.rfile.read(int(self.headers.get("Content-Length", "0"))))

    def answer(self, body: bytes) -> None:
        path, _, query = self.path.partition("?")
        request = {
            "GIT_PROJECT_ROOT": str(ROOT),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REQUEST_METHOD": self.command,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }
        done = subprocess.run(
            ["git", "http-backend"], input=body, env=ENVIRONMENT | request, capture_output=True
        )
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if line)
        self.send_response(int(headers.pop("Status", "200" if headers else "500").split()[0]))
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


if __name__ == "__main__":
    make_repository()
    print(f"serving /iris.git on port {PORT}", flush=True)
    ThreadingHTTPServer(("", PORT), Handler).serve_forever()
