"""Numbers in tags of MLflow, which anybody may have written there."""

import re

_NUMBER = re.compile(r"[0-9]{1,18}")
"""Python refuses to read very long ones."""


def number_in(text: str) -> int | None:
    """The number that ``text`` is; None where it is none, or none of ours."""
    return int(text) if _NUMBER.fullmatch(text) else None
