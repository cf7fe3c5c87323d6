"""The files of a commit that Git LFS keeps: fetched, or named in the reason why not."""

import shutil
from urllib.parse import urlsplit

from retrain_core.outcome import Reason, RunFailed
from retrain_core.redact import without_userinfo
from retrain_trainer.git_command import DENIED, NOT_FOUND, Git
from retrain_trainer.git_submodules import same_host
from retrain_trainer.patience import Away
from retrain_trainer.pointers import is_pointer, printable, some_of

_TRACKED = ":(attr:filter=lfs)"
# As `git lfs install --local` has it, without the hooks; so `git status` knows the files.
_SETTINGS = {
    "filter.lfs.clean": "git-lfs clean -- %f",
    "filter.lfs.smudge": "git-lfs smudge -- %f",
    "filter.lfs.process": "git-lfs filter-process",
    "filter.lfs.required": "true",
}


def fetch_lfs_files(git: Git) -> list[str]:
    """Put the contents of the files that Git LFS keeps in place of their pointers.

    Returns those that .lfsconfig excepts: they stay pointers, as in anybody's clone.

    Raises:
        RunFailed: SourceNotFound, SourceDenied or SourceUnreachable, with the files' names.
    """
    wanted = _pointers(git)
    if not wanted:
        return []
    endpoint = _endpoint(git, wanted)
    if git.attempt("lfs", "version").returncode != 0:
        raise _failure(wanted, "git-lfs is not installed in the image", Reason.SOURCE_NOT_FOUND)
    for name, value in _SETTINGS.items():
        git.call("config", name, value)
    only = ("-c", "lfs.skipDownloadErrors=false", *endpoint)
    fetched = git.attempt(*only, "lfs", "fetch", "origin", "HEAD")
    placed = git.attempt(*only, "lfs", "checkout")
    # It places what only looks like a pointer, too.
    git.attempt("checkout", "--quiet", "--force", "HEAD", "--", ".")
    # It brings programs that git would run in a stage that commits.
    shutil.rmtree(git.folder / ".git" / "hooks", ignore_errors=True)
    left = _pointers(git)
    excepted = [name for name in left if _is_excepted(git)]
    if fetched.returncode != 0 or placed.returncode != 0 or len(left) > len(excepted):
        raise _unavailable(left or wanted, fetched.stderr + placed.stderr)
    return excepted


def _pointers(git: Git) -> list[str]:
    names = git.call("ls-files", "-z", "--", _TRACKED).split("\0")
    return [name for name in names if name and is_pointer(git.folder / name)]


def _endpoint(git: Git, wanted: list[str]) -> tuple[str, ...]:
    """The option that names the server in .lfsconfig; without one it is that of the repository."""
    if (git.folder / ".lfsconfig").is_symlink():
        raise _failure(wanted, ".lfsconfig is a symbolic link", Reason.SOURCE_NOT_FOUND)
    for key in ("lfs.url", "remote.origin.lfsurl"):
        url = _configured(git, key)
        if not url:
            continue
        if urlsplit(url).scheme != "https" and not same_host(url, git.source.url):
            why = f"{key} in .lfsconfig, {without_userinfo(url)}, is no https URL"
            raise _failure(wanted, why, Reason.SOURCE_NOT_FOUND)
        return ("-c", f"lfs.url={url}")
    return ()


def _is_excepted(git: Git) -> bool:
    return any(_configured(git, key) for key in ("lfs.fetchexclude", "lfs.fetchinclude"))


def _configured(git: Git, key: str) -> str:
    return git.attempt("config", "--blob", "HEAD:.lfsconfig", "--get", key).stdout.strip()


def _unavailable(names: list[str], stderr: str) -> RunFailed:
    message = without_userinfo(printable(" ".join(stderr.split())))[:400]
    if DENIED.search(stderr):
        return _failure(names, f"the server refuses us: {message}", Reason.SOURCE_DENIED)
    if NOT_FOUND.search(stderr):
        return _failure(names, message, Reason.SOURCE_NOT_FOUND)
    return _failure(names, message, Reason.SOURCE_UNREACHABLE, Away)


def _failure(
    names: list[str], why: str, reason: Reason, kind: type[RunFailed] = RunFailed
) -> RunFailed:
    return kind(reason, f"Git LFS does not bring {some_of(names)}: {why}")
