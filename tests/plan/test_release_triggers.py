"""Releases: each tag once, in their order."""

from hypothesis import given, settings
from hypothesis import strategies as st

from plan.triggering import HOUR, Life, minutes
from retrain_core.crd.status import MAX_FIRINGS
from retrain_core.evidence import Tag, Task
from retrain_core.names import CHECK_ANNOTATION
from retrain_core.verdict.release import MAX_KNOWN_TAGS, KnownTags, tag_print
from seen import QUALITY, RELEASE, metric, tag


def test_what_was_there_at_the_first_check_is_recorded_and_not_trained() -> None:
    life = Life.of(RELEASE)
    life.look(release=[tag(1), tag(2)])
    assert life.runs == []
    assert life.told("release")["reason"] == "Recorded"
    life.look(release=[tag(1), tag(2)])
    assert life.runs == []


def test_with_train_existing_the_highest_of_them_is_trained() -> None:
    life = Life.of({**RELEASE, "release": {"tagPattern": "v*", "trainExisting": "Latest"}})
    life.look(release=[tag(1), tag(2)])
    assert life.releases == ["v1.2.0"]


def test_new_tags_train_in_their_order_one_after_the_other_each_at_its_commit() -> None:
    life = Life.of(RELEASE)
    life.look(release=[])
    life.look(release=[tag(1), tag(2), tag(3)])
    assert life.releases == ["v1.1.0"]
    assert "waits for" in life.told("release")["waits"]
    for number in (1, 2, 3):
        life.end("Trained")
        life.settle()
        assert len(life.runs) == min(number + 1, 3)
    revisions = [run["spec"]["source"]["git"]["revision"] for run in life.runs]
    assert revisions == [tag(number).commit for number in (1, 2, 3)]
    life.look(release=[tag(1), tag(2), tag(3)])
    assert len(life.runs) == 3


def test_a_tag_that_is_lower_than_a_known_one_is_new_all_the_same() -> None:
    life = Life.of(RELEASE)
    life.look(release=[tag(5)])
    life.look(release=[tag(4), tag(5)])
    assert life.releases == ["v1.4.0"]


def test_a_tag_that_was_moved_is_told_and_not_trained() -> None:
    life = Life.of(RELEASE)
    life.look(release=[tag(1)])
    life.look(release=[tag(1, "b")])
    assert life.runs == []
    assert life.told("release")["reason"] == "TagMoved"
    assert "v1.1.0 (now bbbbbbbbbbbb)" in life.told("release")["message"]


def test_another_pattern_begins_anew() -> None:
    life = Life.of(RELEASE)
    life.look(release=[tag(1)])
    life.schedule["spec"]["triggers"] = [{"name": "release", "release": {"tagPattern": "*"}}]
    life.look(release=[tag(1), tag(2)])
    assert life.runs == []
    assert life.told("release")["reason"] == "Recorded"


def test_a_check_that_was_made_before_the_pattern_changed_says_nothing() -> None:
    life = Life.of(RELEASE)
    life.look(release=[tag(1)])
    life.check(release=[tag(1), tag(2)])
    life.schedule["spec"]["triggers"] = [{"name": "release", "release": {"tagPattern": "*"}}]
    life.settle()
    assert life.runs == []
    assert "reason" not in life.told("release")
    assert life.told("release")["message"] == "no check has ended yet."


def test_a_release_heeds_no_cooldown_and_is_cancelled_by_nothing() -> None:
    life = Life.of(RELEASE, QUALITY, concurrencyPolicy="Replace")
    life.look(release=[], quality=metric(0.8))
    life.end("Trained")
    life.look(release=[tag(1)], quality=metric(0.95))
    assert life.releases == ["v1.1.0"]
    life.now += HOUR
    life.look(release=[tag(1)], quality=metric(0.8))
    assert not any(run["spec"].get("cancel") for run in life.runs)
    assert len(life.runs) == 2


def test_a_run_that_failed_holds_no_later_release_back() -> None:
    life = Life.of(RELEASE)
    life.look(release=[])
    life.look(release=[tag(1), tag(2)])
    life.end("StageFailed")
    life.settle()
    assert life.releases[-1] == "v1.2.0"
    life.end("Trained")
    life.now += minutes(10)
    life.settle()
    assert life.releases[-1] == "v1.1.0"


def test_no_more_releases_wait_than_a_status_can_hold() -> None:
    life = Life.of(RELEASE, concurrencyPolicy="Allow", successfulRunsHistoryLimit=100)
    life.look(release=[])
    tags = [tag(number) for number in range(1, 61)]
    for _ in range(3):
        life.look(release=tags)
    assert len(life.told("release")["started"]) == MAX_FIRINGS
    assert "40 runs are due or active" in life.told("release")["message"]
    while life.active:
        life.end("Trained")
    life.look(release=tags)
    assert life.releases == [one.name for one in tags]


def test_allow_waits_for_nothing() -> None:
    life = Life.of(RELEASE, concurrencyPolicy="Allow")
    life.look(release=[])
    life.look(release=[tag(1), tag(2)])
    assert len(life.active) == 2


@settings(max_examples=50)
@given(st.data())
def test_each_tag_trains_once_wherever_passes_end_and_whatever_checks_know(
    draw: st.DataObject,
) -> None:
    life = Life.of(RELEASE, successfulRunsHistoryLimit=100)
    life.look(release=[])
    pushed: list[Tag] = []
    for _ in range(draw.draw(st.integers(1, 12))):
        match draw.draw(st.sampled_from(["push", "check", "pass", "crash", "end"])):
            case "push":
                pushed.append(tag(len(pushed) + 1))
            case "check":
                life.now += minutes(10)
                life.check(release=pushed)
            case "pass":
                life.step()
            case "crash":
                life.step(actions=draw.draw(st.integers(0, 3)), status=False)
            case "end" if life.active:
                life.end("Trained")
        assert len(life.active) <= 1
        assert len(life.releases) == len({*life.releases})
    for _ in range(len(pushed) + 2):
        life.look(release=pushed)
        if life.active:
            life.end("Trained")
    assert life.releases == [tag.name for tag in pushed]


def test_of_tags_that_a_check_has_no_room_to_be_told_it_is_said_that_none_looks_at_them() -> None:
    names = [f"release-{number}" for number in range(6)]
    life = Life.of(*({**RELEASE, "name": name} for name in names))
    life.look(**{name: [] for name in names})
    many = [Tag(name=f"v{number}", commit="a" * 40) for number in range(MAX_KNOWN_TAGS)]
    known = str(KnownTags(tuple(map(tag_print, many)), complete=True))
    for state in life.schedule["status"]["triggers"]:
        state["known"] = known
    life.settle()
    assert {name: life.told(name)["reason"] for name in names} == {
        **dict.fromkeys(names[:4], "Recorded"),
        **dict.fromkeys(names[4:], "TooManyTags"),
    }
    assert all(life.told(name)["known"] == known for name in names)
    (check,) = life.cron_jobs
    pod = check["spec"]["jobTemplate"]["spec"]["template"]
    said = pod["metadata"]["annotations"][CHECK_ANNOTATION]
    assert len(said) < 256 * 1024
    task = Task.model_validate_json(said)
    assert [trigger.name for trigger in task.triggers] == [*task.known] == names[:4]
