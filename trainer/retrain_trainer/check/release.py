"""The tags of the repository, as far as they are not known."""

from collections.abc import Sequence

from retrain_core.evidence import MAX_TAGS, ReleaseEvidence, Tag
from retrain_core.result import MAX_WORD
from retrain_core.spec.retrain_schedule import Release
from retrain_core.verdict.finding import Finding
from retrain_core.verdict.release import MAX_KNOWN_TAGS, KnownTags, as_text, matches, tag_print
from retrain_trainer.check.context import CheckContext, NotSeen
from retrain_trainer.check.fit import Fits, largest
from retrain_trainer.git import list_tags

LIST_SECONDS = 30
MAX_MOVED = 5


def look(spec: Release, known: str | None, context: CheckContext, fits: Fits) -> ReleaseEvidence:
    """What of the tags is new.

    Raises:
        NotSeen: NoRepository, TooManyTags, or too little room.
        RunFailed: the repository does not answer as it should.
    """
    git = context.run.source.git
    if git is None:
        raise NotSeen(Finding.NO_REPOSITORY, "spec.source.image has no tags")
    tags = [
        Tag(name=name, commit=commit)
        for name, commit in list_tags(git, context.access, seconds=LIST_SECONDS)
        if len(name) <= MAX_WORD and matches(spec.tag_pattern, name)
    ]
    context.report.note(f"{len(tags)} tags match {spec.tag_pattern}")
    before = KnownTags.of(known)
    # Those that were deleted since stay known.
    ever = len({*before.prints, *map(tag_print, tags)})
    if ever > MAX_KNOWN_TAGS:
        message = (
            f"{ever} tags have matched {spec.tag_pattern}: at most {MAX_KNOWN_TAGS} can be known"
        )
        raise NotSeen(Finding.TOO_MANY_TAGS, message)
    return evidence(tags, before, spec, fits)


def evidence(tags: Sequence[Tag], known: KnownTags, spec: Release, fits: Fits) -> ReleaseEvidence:
    """Of ``tags``, in the order of their versions, as much as ``fits``.

    Raises:
        NotSeen: nothing of what must be told does.
    """
    latest = tags[-1] if tags else None
    found = _filled(tags, latest, known, fits)
    needed = spec.train_existing == "Latest" and not known.complete
    if found is None and not needed:
        # For people only, and its name may be long.
        found = _filled(tags, None, known, fits)
    if found is None:
        message = "the new tags do not fit into the report: use shorter names or fewer triggers"
        raise NotSeen(Finding.CHECK_FAILED, message)
    return found


def _filled(
    tags: Sequence[Tag], latest: Tag | None, known: KnownTags, fits: Fits
) -> ReleaseEvidence | None:
    standing = known.standing(tags)
    new = [tag for tag, how in standing if how == "New"]
    moved = [tag for tag, how in standing if how == "Moved"] if known.complete else []
    base = ReleaseEvidence(total=len(tags), latest=latest)

    def told(count: int, others: int) -> ReleaseEvidence:
        if known.complete:
            told = {"tags": new[:count], "more": len(new) - count, "moved": moved[:others]}
        else:
            page = as_text(tag_print(tag) for tag in new[:count])
            told = {"recorded": page, "complete": count == len(new)}
        return base.model_copy(update=told)

    most = min(len(new), MAX_TAGS) if known.complete else len(new)
    count = largest(most, lambda number: fits(told(number, 0)))
    if count is None or (new and count == 0):
        return None
    others = largest(min(len(moved), MAX_MOVED), lambda number: fits(told(count, number)))
    return told(count, others or 0)
