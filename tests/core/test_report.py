"""A check's report is whole beside injected containers, and only a report is read from one."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from retrain_core.evidence import (
    MAX_SCORES,
    ColumnScore,
    DataEvidence,
    DriftEvidence,
    Evidence,
    MetricEvidence,
    ReleaseEvidence,
    Report,
    Tag,
    Unseen,
    parse_report,
    room,
    size,
)
from retrain_core.result import BUDGET, POD_BYTES

NAMES = st.text("t-9", min_size=1, max_size=63)
WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=256)
TAGS = st.builds(Tag, name=WORDS, commit=st.just("a" * 40))
DRIFT = st.builds(
    DriftEvidence,
    champion=st.just("12"),
    digest=st.just("d" * 32),
    rows=st.integers(0, 2**53),
    judged=st.integers(0, 2**53),
    drifted=st.integers(0, 2**53),
    scores=st.lists(
        st.builds(ColumnScore, column=WORDS, outcome=st.just("Scored"), psi=st.just("0.1234")),
        max_size=MAX_SCORES,
    ),
)
KINDS: list[st.SearchStrategy[dict[str, Any]]] = [
    st.fixed_dictionaries({"metric": st.builds(MetricEvidence, value=st.just("0.5"))}),
    st.fixed_dictionaries(
        {"unseen": st.builds(Unseen, reason=st.just("CheckFailed"), message=WORDS)}
    ),
    st.fixed_dictionaries({"drift": DRIFT}),
    st.fixed_dictionaries(
        {"data": st.builds(DataEvidence, ids=st.lists(st.just("b" * 32), max_size=64))}
    ),
    st.fixed_dictionaries(
        {
            "release": st.builds(
                ReleaseEvidence,
                total=st.integers(0, 4000),
                latest=st.none() | TAGS,
                tags=st.lists(TAGS, max_size=20),
                recorded=st.none() | st.integers(0, 500).map(lambda count: "print+/8" * count),
            )
        }
    ),
]
EVIDENCE = st.builds(
    lambda name, kind: Evidence(trigger=name, about="0" * 16, **kind), NAMES, st.one_of(KINDS)
)
REPORTS = st.lists(EVIDENCE, max_size=16).map(lambda seen: Report(triggers=seen))


def test_a_message_of_ours_is_whole_beside_four_injected_containers() -> None:
    assert POD_BYTES // (2 + 4) >= BUDGET


@settings(max_examples=150)
@given(REPORTS)
def test_every_report_fits_and_leaves_out_the_last_triggers_and_says_how_many(
    report: Report,
) -> None:
    text = report.dump()
    assert len(text.encode()) <= BUDGET
    read = parse_report(text)
    assert read is not None
    named = [one.trigger for one in report.triggers]
    assert [one.trigger for one in read.triggers] == named[: len(read.triggers)]
    assert len(read.triggers) + read.left_out == len(named)


@settings(max_examples=100)
@given(REPORTS)
def test_what_is_told_of_a_trigger_is_as_it_was_seen_but_for_words_and_scores(
    report: Report,
) -> None:
    read = parse_report(report.dump())
    assert read is not None
    for told, seen in zip(read.triggers, report.triggers, strict=False):
        assert (told.release, told.data, told.metric) == (seen.release, seen.data, seen.metric)
        if seen.drift is not None:
            assert told.drift is not None
            assert told.drift in (seen.drift, seen.drift.model_copy(update={"scores": []}))


@settings(max_examples=100)
@given(REPORTS, st.data())
def test_a_report_that_was_cut_is_none(report: Report, data: st.DataObject) -> None:
    text = report.dump().encode()
    kept = data.draw(st.integers(0, len(text) - 1))
    assert parse_report(text[:kept].decode(errors="replace")) is None


@settings(max_examples=100)
@given(st.lists(st.integers(0, 2048), min_size=1, max_size=8))
def test_looks_that_keep_to_their_room_leave_nothing_out(wanted: list[int]) -> None:
    seen: list[Evidence] = []
    for number, length in enumerate(wanted):
        left = room(len(wanted), seen)
        name = f"t{number}"
        bare = Evidence(trigger=name, about="0" * 16, release=ReleaseEvidence(total=1))
        told = ReleaseEvidence(total=1, recorded="p" * min(length, left - size(bare) - 14))
        seen.append(bare.model_copy(update={"release": told}))
        assert size(seen[-1]) <= left
    read = parse_report(Report(triggers=seen).dump())
    assert read is not None
    assert (read.triggers, read.left_out) == (seen, 0)


def test_what_others_do_not_use_is_for_the_next() -> None:
    small = Evidence(trigger="a", about="0" * 16, metric=MetricEvidence(value="1"))
    assert room(2, [small]) == room(1) - size(small) - 1
