"""Whether the package indexes that uv asks are there: uv itself says so in words alone."""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import requests

from retrain_core.outcome import Reason
from retrain_core.redact import without_userinfo
from retrain_trainer.patience import Away
from retrain_trainer.refusal import Refusal, is_passing, refusal

_USUAL = "https://pypi.org/simple"
_IN_PLACE_OF_IT = ("UV_DEFAULT_INDEX", "UV_INDEX_URL")
_BESIDES = ("UV_INDEX", "UV_EXTRA_INDEX_URL")
_OPTION = re.compile(
    r"^\s*(?P<option>-i|--index-url|--extra-index-url)(?:\s*=\s*|\s+)(?P<url>[^\s#]+)", re.MULTILINE
)
_NONE = re.compile(r"^\s*--no-index\b", re.MULTILINE)
_NAME = re.compile(r"^[\w-]+=")
"""uv takes NAME=URL too."""
_SECONDS = 10


def index_away(requirements: Iterable[Path], variables: Mapping[str, str]) -> Away | None:
    """The first index named by the files or by uv's ``variables`` that is away; None: none is."""
    texts = [path.read_text(errors="replace") for path in requirements if path.is_file()]
    if variables.get("UV_OFFLINE") or variables.get("UV_NO_INDEX") or any(map(_NONE.search, texts)):
        return None
    for url in _indexes(texts, variables):
        if (why := _why_away(url)) is not None:
            shown = without_userinfo(url)
            return Away(
                Reason.ENVIRONMENT_FAILED, f"the package index {shown} cannot be reached: {why}"
            )
    return None


def _indexes(texts: Iterable[str], variables: Mapping[str, str]) -> Iterator[str]:
    options = [
        (found["option"], found["url"]) for text in texts for found in _OPTION.finditer(text)
    ]
    default = [variables[name] for name in _IN_PLACE_OF_IT if variables.get(name)]
    default += [url for option, url in options if option != "--extra-index-url"]
    further = [each for name in _BESIDES for each in variables.get(name, "").split()]
    further += [url for option, url in options if option == "--extra-index-url"]
    for each in [(default or [_USUAL])[0], *further]:
        yield _NAME.sub("", each)


def _why_away(url: str) -> str | None:
    try:
        with requests.get(url, timeout=_SECONDS, stream=True) as answer:
            headers = {name.lower(): value for name, value in answer.headers.items()}
            passing = is_passing(answer.status_code, headers)
            return f"it answers {answer.status_code}" if passing else None
    except (requests.RequestException, ValueError) as error:
        found = refusal(error)
        return type(error).__name__ if found and found[0] is Refusal.UNREACHABLE else None
