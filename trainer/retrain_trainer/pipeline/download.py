"""Brings a file to this machine by its URL, with DVC's file systems and the run's settings."""

from pathlib import Path
from urllib.parse import urlsplit

from dvc.config import ConfigError, RemoteNotFoundError

from retrain_core.outcome import Reason, RunFailed
from retrain_core.spec import Remote
from retrain_trainer.pipeline.errors import store_failure
from retrain_trainer.pipeline.file_system import file_system
from retrain_trainer.refusal import causes


def download(url: str, target: Path, remote: Remote) -> None:
    """Write what is at ``url`` to ``target``; endpoint and region are those of ``remote``.

    Raises:
        FileNotFoundError: it is not there.
        RunFailed: the store, or InvalidSpec.
    """
    config: dict[str, object] = {"url": url}
    if urlsplit(url).scheme == "s3":
        named = {"endpointurl": remote.endpoint_url, "region": remote.region}
        config |= {key: value for key, value in named.items() if value is not None}
    try:
        fs, path = file_system({}, **config)
        if fs.isdir(path) or not fs.exists(path):
            raise FileNotFoundError(url)
        fs.get_file(path, str(target))
    except (ConfigError, RemoteNotFoundError, ImportError) as error:
        raise RunFailed(Reason.INVALID_SPEC, f"{url}: {error}") from error
    except Exception as error:
        failure = store_failure(error, url)
        if failure is not None:
            raise failure from error
        if any(isinstance(cause, FileNotFoundError) for cause in causes(error)):
            raise FileNotFoundError(url) from error
        message = " ".join(str(error).split())[:300] or repr(error)
        raise RunFailed(Reason.STORE_UNREACHABLE, f"{url} cannot be read: {message}") from error
