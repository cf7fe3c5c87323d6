"""DVC's file systems, for looks at a store that do not go through its objects."""

import re
from collections.abc import Mapping
from typing import Any

from dvc.fs import FileSystem, RemoteMissingDepsError, get_cloud_fs

CONNECT_SECONDS = 5
READ_SECONDS = 15


def file_system(config: Mapping[str, Any], **remote: Any) -> tuple[FileSystem, str]:
    """That of ``remote``, as DVC's configuration has it, and the path on it.

    Its answers are waited for less long than DVC's own, which may take minutes, unless DVC's
    configuration says how long.

    Raises:
        ConfigError: DVC's, also where there is no such remote.
        ImportError: it needs a package that is not installed.
    """
    kind, settings, path = get_cloud_fs(config, **remote)
    if kind.protocol in ("s3", "http", "https"):
        patience = {"connect_timeout": CONNECT_SECONDS, "read_timeout": READ_SECONDS}
        settings = patience | settings
    return kind(**settings), str(path)


def is_versioned(config: Mapping[str, Any], name: str) -> bool:
    """Whether the remote ``name`` keeps files by their paths, in versions of the cloud's."""
    remote = config["remote"].get(name, {})
    return bool(remote.get("version_aware") or remote.get("worktree"))


def missing_package(config: Mapping[str, Any], name: str) -> str | None:
    """The package that DVC lacks for the remote ``name``; None where it lacks none."""
    try:
        get_cloud_fs(config, name=name)
    except ImportError as error:
        return package_of(error)
    except Exception:
        # What is wrong with it is told when it is used.
        return None
    return None


def package_of(error: ImportError | RemoteMissingDepsError) -> str:
    """The package whose lack ``error`` tells of: DVC's plugin, else the module."""
    if isinstance(error, RemoteMissingDepsError):
        return f"dvc-{error.protocol}"
    found = re.search(r"'(dvc-\w+)'", str(error))
    return found[1] if found else error.name or str(error)
