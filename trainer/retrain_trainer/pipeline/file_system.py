"""DVC's file systems, for looks at a store that do not go through its objects."""

from collections.abc import Mapping
from typing import Any

from dvc.fs import FileSystem, get_cloud_fs

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
