"""DVC's configuration of a stranger's repository, on a machine that is a person's.

It can name programs (a profile with a `credential_process`, a command that gives a token), files
with the person's credentials, and folders that DVC writes to. What says where data lie is enough to
look at them; the credentials are those of the environment.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any

import dvc.fs
from dvc.config import Config
from dvc.dependency.repo import RepoDependency

REMOTE = frozenset(
    {
        "name",
        "url",
        "endpointurl",
        "region",
        "version_aware",
        "worktree",
        "use_ssl",
        "allow_anonymous_login",
        "port",
        "projectname",
        "account_name",
        "oss_endpoint",
        "use_https",
        "timeout",
        "connect_timeout",
        "read_timeout",
        "connection_timeout",
    }
)
"""What a remote may be told."""
_OF_A_REPOSITORY = ("repo", "local")
"""Levels of DVC's configuration."""


def fence(tell: Callable[[str], None]) -> None:
    """From now on, and for all of this process, DVC takes only that from any repository.

    It opens some late, such as those that an import names: so this has no end. ``tell`` is given
    a sentence for what is left out.
    """
    told = set()

    def drop(where: str, names: Collection[str]) -> None:
        text = f"{where}: not used on this machine, which is yours: {', '.join(sorted(names))}"
        if names and text not in told:
            told.add(text)
            tell(text)

    load, settings, start = Config._load_config, dvc.fs.get_fs_config, RepoDependency.__init__

    def load_fenced(self: Config, level: str) -> dict[str, Any]:
        found: dict[str, Any] = load(self, level)
        if level not in _OF_A_REPOSITORY:
            return found
        kept: dict[str, Any] = {}
        for section, content in found.items():
            if section == "remote":
                kept["remote"] = {}
                for name, remote in content.items():
                    kept["remote"][name] = _allowed(remote)
                    drop(f".dvc/config: remote {name}", remote.keys() - REMOTE)
            else:
                only = {"remote"} if section == "core" else set()
                kept[section] = {key: content[key] for key in content.keys() & only}
                drop(f".dvc/config: {section}", content.keys() - only - {"analytics"})
        return kept

    def settings_fenced(config: Mapping[str, Any], **given: Any) -> dict[str, Any]:
        found = settings(config, **given)
        drop(f"remote {found.get('url')}", found.keys() - REMOTE)
        return _allowed(found)

    def start_fenced(
        self: RepoDependency, def_repo: dict[str, Any], *arguments: Any, **more: Any
    ) -> None:
        if def_repo.get("config"):
            drop(f"import from {def_repo.get('url')}", ["config"])
        start(self, {**def_repo, "config": {}}, *arguments, **more)

    # Whatever names a remote goes through these: configuration files, and what a .dvc file itself
    # says of its dependency.
    Config._load_config = load_fenced
    dvc.fs.get_fs_config = settings_fenced
    RepoDependency.__init__ = start_fenced


def _allowed(remote: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in remote.items() if key in REMOTE}
