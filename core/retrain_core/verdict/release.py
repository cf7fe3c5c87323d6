"""Which tags are new: each trains once."""

import hashlib
from base64 import b64decode, b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from retrain_core.evidence import MAX_KNOWN, ReleaseEvidence, Tag
from retrain_core.spec.retrain_schedule import Release
from retrain_core.verdict.finding import Cause, Finding, Verdict

_TAG_BYTES, _COMMIT_BYTES = 4, 2
_PRINT = _TAG_BYTES + _COMMIT_BYTES
"""Bytes of a tag's print: no padding in base64. That two of a thousand tags share the first four
is one case in ten thousand; the other two only tell that a tag has moved."""
MAX_KNOWN_TAGS = (MAX_KNOWN - 1) // (_PRINT * 4 // 3)


@dataclass(frozen=True)
class KnownTags:
    """The tags that need no training, by short prints of their names and commits."""

    prints: tuple[bytes, ...] = ()
    complete: bool = False
    """Whether all that were there at the first look are among them."""

    @classmethod
    def of(cls, known: str | None) -> "KnownTags":
        """From the text of a status; what is none of ours is nothing."""
        if not known or known[0] not in "+-":
            return cls()
        return cls(_split(known[1:]), known[0] == "+")

    def __str__(self) -> str:
        return ("+" if self.complete else "-") + as_text(self.prints)

    def having(self, prints: Iterable[bytes], *, complete: bool) -> "KnownTags":
        """With those as well.

        Raises:
            ValueError: more than a status can hold.
        """
        known = tuple(dict.fromkeys((*self.prints, *prints)))
        if len(known) > MAX_KNOWN_TAGS:
            raise ValueError(f"more than {MAX_KNOWN_TAGS} tags")
        return KnownTags(known, complete)

    def standing(self, tags: Iterable[Tag]) -> list[tuple[Tag, Literal["New", "Known", "Moved"]]]:
        """How each of ``tags`` stands to what is known."""
        known = {one[:_TAG_BYTES]: one[_TAG_BYTES:] for one in self.prints}
        found: list[tuple[Tag, Literal["New", "Known", "Moved"]]] = []
        for tag in tags:
            one = tag_print(tag)
            commit = known.get(one[:_TAG_BYTES])
            if commit is None:
                found.append((tag, "New"))
            else:
                found.append((tag, "Known" if commit == one[_TAG_BYTES:] else "Moved"))
        return found


def tag_print(tag: Tag) -> bytes:
    """A short print of a tag's name and of its commit."""
    name = hashlib.sha256(tag.name.encode()).digest()[:_TAG_BYTES]
    return name + hashlib.sha256(tag.commit.encode()).digest()[:_COMMIT_BYTES]


def as_text(prints: Iterable[bytes]) -> str:
    return b64encode(b"".join(prints)).decode()


def matches(pattern: str, tag: str) -> bool:
    """Whether ``tag`` is meant by ``pattern``, in which * stands for any characters."""
    first, *rest = pattern.split("*")
    if not rest:
        return tag == pattern
    *middle, last = rest
    if not tag.startswith(first):
        return False
    place = len(first)
    # The leftmost place leaves most to the rest: no other needs to be tried.
    for part in middle:
        found = tag.find(part, place)
        if found < 0:
            return False
        place = found + len(part)
    return len(tag) - place >= len(last) and tag.endswith(last)


def judge(seen: ReleaseEvidence, spec: Release, known: str | None) -> Verdict:
    """A cause for each tag that is not known, oldest first.

    The first looks record what is there, in as many pages as it takes, and train nothing, or the
    highest tag alone (``trainExisting``).

    Raises:
        ValueError: more tags than can be known.
    """
    before = KnownTags.of(known)
    shown = f"{_count(seen.total)} match {spec.tag_pattern}"
    if seen.latest is not None:
        shown += f"; the highest is {seen.latest.name}"
    if not before.complete:
        return _recorded(seen, spec, before, shown)
    new = [tag for tag, standing in before.standing(seen.tags) if standing == "New"]
    now = before.having(map(tag_print, new), complete=True)
    moved = [tag for tag, standing in before.standing(seen.moved) if standing == "Moved"]
    parts = []
    if new:
        parts.append(f"new: {', '.join(tag.name for tag in new)}")
    if moved:
        listed = ", ".join(f"{tag.name} (now {tag.commit[:12]})" for tag in moved)
        parts.append(f"moved to another commit, which is not trained: {listed}")
    if seen.more:
        parts.append(f"{seen.more} more at the next checks")
    finding = Finding.NEW_TAG if new else Finding.TAG_MOVED if moved else Finding.NO_NEW_TAG
    return Verdict(
        finding,
        "; ".join(parts) or f"no new tag: {shown}",
        shown,
        str(now),
        tuple(_cause(tag, "new tag") for tag in new),
    )


def _recorded(seen: ReleaseEvidence, spec: Release, before: KnownTags, shown: str) -> Verdict:
    if seen.recorded is None:
        # Of a check that was told more than is known now: the next one is told what is.
        return Verdict(Finding.RECORDED, "looks again", shown, str(before))
    now = before.having(_split(seen.recorded), complete=seen.complete)
    causes: tuple[Cause, ...] = ()
    if not seen.complete:
        message = (
            f"{len(now.prints)} of {seen.total} tags are recorded; the rest at the next checks"
        )
    elif spec.train_existing == "Latest" and seen.latest is not None:
        causes = (_cause(seen.latest, "the highest tag that was there (trainExisting)"),)
        message = f"{_count(seen.total)} were there already; {seen.latest.name} is trained"
    else:
        message = f"{_count(seen.total)} were there already and are not trained; later ones are"
    return Verdict(Finding.RECORDED, message, shown, str(now), causes)


def _cause(tag: Tag, why: str) -> Cause:
    return Cause(f"{why} {tag.name} at commit {tag.commit[:12]}", tag=tag)


def _count(tags: int) -> str:
    return "1 tag" if tags == 1 else f"{tags} tags"


def _split(text: str) -> tuple[bytes, ...]:
    try:
        content = b64decode(text, validate=True)
    except ValueError:
        return ()
    whole = len(content) - len(content) % _PRINT
    return tuple(content[place : place + _PRINT] for place in range(0, whole, _PRINT))
