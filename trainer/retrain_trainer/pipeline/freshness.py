"""Whether a stage has to run: decided from what is recorded, and where."""

from enum import Enum, auto


class Fate(Enum):
    """What becomes of a stage."""

    RUN = auto()
    RESTORE = auto()
    """The stored result is taken."""
    KEEP = auto()
    """What dvc.lock has is taken."""


def fate(
    *,
    forced: bool,
    always: bool,
    done: bool,
    keyed: bool,
    stored: bool,
    elsewhere: bool,
    as_recorded: bool,
    news: bool = False,
) -> Fate:
    """Decide on a stage.

    ``always``: DVC runs it each time; ``done``: an earlier attempt at this run has ended it;
    ``keyed``: its inputs say what comes out; ``stored``: a result of this environment was found;
    ``elsewhere``: only results of other environments were; ``as_recorded``: dvc.lock has the same
    inputs and command; ``news``: and a result that no run of ours has come to.

    What an attempt has done is not done again. Otherwise what is forced runs, and so does what DVC
    runs always. What the team itself has run and committed since counts. A result of this
    environment counts before a dvc.lock that is ours, as that does not tell environments apart.
    """
    if done and as_recorded:
        return Fate.KEEP
    if forced or always:
        return Fate.RUN
    if news and as_recorded:
        return Fate.KEEP
    if stored and keyed:
        return Fate.RESTORE
    if elsewhere:
        return Fate.RUN
    return Fate.KEEP if as_recorded else Fate.RUN
