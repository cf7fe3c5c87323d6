"""git over ssh: Debian's sshd as the current user, with keys of its own."""

import getpass
import os
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from servers.binaries import sshd_binary
from servers.process import serving


@dataclass(frozen=True)
class GitSshServer:
    root: Path
    port: int
    user: str
    private_key: Path
    known_hosts: str
    log: Path

    def url(self, name: str) -> str:
        return f"ssh://{self.user}@127.0.0.1:{self.port}{self.root}/{name}.git"


@contextmanager
def git_ssh_server(
    folder: Path, *, root: Path | None = None, protocol_v2: bool = True
) -> Iterator[GitSshServer]:
    folder = folder.resolve()
    root = (root or folder / "repositories").resolve()
    root.mkdir(parents=True, exist_ok=True)
    binary = sshd_binary()
    host_key = make_key(folder / "host_key")
    client_key = make_key(folder / "client_key")
    config = folder / "sshd_config"
    config.write_text(_config(folder, protocol_v2))
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    log = folder / "git-ssh.log"

    def command(port: int) -> Sequence[str]:
        # -D: stays in the foreground; -e: logs to stderr.
        options = ["-D", "-e", "-f", str(config), "-p", str(port)]
        return [str(binary), *options, *_without_penalties(binary, config)]

    with serving(command, ready=_greets, log=log) as port:
        yield GitSshServer(
            root=root,
            port=port,
            user=getpass.getuser(),
            private_key=client_key,
            known_hosts=f"[127.0.0.1]:{port} {_public(host_key)}\n",
            log=log,
        )


def make_key(path: Path) -> Path:
    """An ed25519 key pair as ssh-keygen writes it: `path` and `path.pub`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    key = Ed25519PrivateKey.generate()
    path.touch(mode=0o600)
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.OpenSSH,
            serialization.NoEncryption(),
        )
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    path.with_suffix(".pub").write_bytes(public + b"\n")
    return path


def _public(key: Path) -> str:
    return key.with_suffix(".pub").read_text().strip()


def _config(folder: Path, protocol_v2: bool) -> str:
    lines = [
        "ListenAddress 127.0.0.1",
        f"HostKey {folder}/host_key",
        f"AuthorizedKeysFile {folder}/client_key.pub",
        "PidFile none",
        # Temporary folders below /tmp are writable by all, which StrictModes refuses.
        "StrictModes no",
        "UsePAM no",
        "PasswordAuthentication no",
        "KbdInteractiveAuthentication no",
        "PermitRootLogin prohibit-password",
        "MaxStartups 100",
        "UseDNS no",
        "PrintMotd no",
    ]
    return "\n".join([*lines, *(["AcceptEnv GIT_PROTOCOL"] if protocol_v2 else [])]) + "\n"


def _without_penalties(binary: Path, config: Path) -> list[str]:
    """Newer sshds lock out an address after refused logins, as our tests make them."""
    option = ["-o", "PerSourcePenalties=no"]
    known = subprocess.run([binary, "-t", "-f", config, *option], capture_output=True, check=False)
    return option if known.returncode == 0 else []


def _greets(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False
