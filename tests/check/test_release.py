"""Release triggers: which tags of a repository are new."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from check.conftest import Team
from retrain_core.evidence import (
    Evidence,
    ReleaseEvidence,
    Report,
    Tag,
    parse_report,
    room,
    size,
)
from retrain_core.outcome import RunFailed
from retrain_core.spec import GitSource
from retrain_core.spec.retrain_schedule import Release
from retrain_core.verdict.finding import Finding
from retrain_core.verdict.release import KnownTags, judge
from retrain_trainer.check.release import evidence
from retrain_trainer.git import list_tags
from servers.git_ssh import GitSshServer
from servers.silent import silent_server

VERSIONS = {"tagPattern": "v*"}


def test_tags_that_were_there_first_are_recorded_and_not_trained(team: Team) -> None:
    team.repository.tag("v1.0")
    verdict = team.judged(release=VERSIONS)
    assert verdict.finding is Finding.RECORDED
    assert verdict.causes == ()


def test_each_new_tag_is_a_cause_once_at_its_commit(team: Team) -> None:
    team.judged(release=VERSIONS)
    team.repository.tag("v1.0")
    commit = team.repository.commit({"other": "1"})
    team.repository.tag("v1.1", message="annotated")
    verdict = team.judged(release=VERSIONS)
    tags = [cause.tag for cause in verdict.causes]
    assert [tag.name for tag in tags if tag] == ["v1.0", "v1.1"]
    assert tags[1] is not None
    assert tags[1].commit == commit
    again = team.judged(release=VERSIONS)
    assert (again.finding, again.causes) == (Finding.NO_NEW_TAG, ())


def test_the_order_is_that_of_versions_with_release_candidates_first(team: Team) -> None:
    team.judged(release=VERSIONS)
    for name in ("v1.10", "v1.9", "v1.10-rc1", "other"):
        team.repository.tag(name)
    seen = team.see(release=VERSIONS).release
    assert seen is not None
    assert [tag.name for tag in seen.tags] == ["v1.9", "v1.10-rc1", "v1.10"]
    assert seen.latest is not None
    assert (seen.total, seen.latest.name) == (3, "v1.10")


def test_a_tag_that_has_moved_is_told_and_not_trained(team: Team) -> None:
    team.repository.tag("v1")
    team.judged(release=VERSIONS)
    team.repository.commit({"other": "2"})
    team.repository.tag("v1")
    verdict = team.judged(release=VERSIONS)
    assert (verdict.finding, verdict.causes) == (Finding.TAG_MOVED, ())
    assert "v1 (now " in verdict.message


def test_a_repository_without_tags_is_seen(team: Team) -> None:
    verdict = team.judged(release=VERSIONS)
    assert verdict.seen == "0 tags match v*"
    assert KnownTags.of(verdict.known).complete


def test_the_highest_tag_that_was_there_is_trained_if_wanted(team: Team) -> None:
    team.repository.tag("v1")
    team.repository.tag("v2")
    verdict = team.judged(release={**VERSIONS, "trainExisting": "Latest"})
    assert [cause.tag and cause.tag.name for cause in verdict.causes] == ["v2"]


def test_a_source_in_an_image_has_no_tags(team: Team, tmp_path: Path) -> None:
    team.run = {"source": {"image": {"path": str(tmp_path)}}}
    assert team.unseen(release=VERSIONS)[0] == Finding.NO_REPOSITORY


def test_a_repository_that_is_not_there_is_told(team: Team) -> None:
    team.run = {"source": {"git": {"url": team.server.url("absent"), "secretRef": {"name": "git"}}}}
    reason, message = team.unseen(release=VERSIONS)
    assert reason == "SourceNotFound"
    assert "absent" in message


def test_a_repository_that_refuses_us_is_told(team: Team) -> None:
    team.secret = {"username": "trainer", "password": "wrong"}
    assert team.unseen(release=VERSIONS)[0] == "SourceDenied"


def test_a_server_that_is_not_there_is_told(team: Team) -> None:
    team.run = {"source": {"git": {"url": "https://127.0.0.1:9/a.git"}}}
    assert team.unseen(release=VERSIONS)[0] == "SourceUnreachable"


def test_tags_are_listed_over_ssh(team: Team, git_ssh: GitSshServer) -> None:
    team.repository.tag("v1")
    team.run = {"source": {"git": {"url": git_ssh.url(team.name), "secretRef": {"name": "git"}}}}
    team.secret = {
        "ssh-privatekey": git_ssh.private_key.read_text(),
        "known_hosts": git_ssh.known_hosts,
    }
    seen = team.see(release=VERSIONS).release
    assert seen is not None
    assert seen.total == 1


def numbered(count: int) -> list[Tag]:
    return [Tag(name=f"v{number}", commit=f"{number:040x}") for number in range(count)]


def test_more_tags_than_can_be_known_are_too_many(team: Team) -> None:
    packed = team.repository.path / "packed-refs"
    commit = team.repository.sha()
    lines = [f"{commit} refs/tags/v{number:04}" for number in range(4096)]
    packed.write_text("# pack-refs with: peeled fully-peeled sorted \n" + "\n".join(lines) + "\n")
    reason, message = team.unseen(release=VERSIONS)
    assert reason == Finding.TOO_MANY_TAGS
    assert "4096" in message


class Checks:
    """Checks one after another, by the parts that look and judge."""

    def __init__(self, spec: Release, triggers: int) -> None:
        self.spec, self.room = spec, room(triggers)
        self.known: str | None = None
        self.trained: list[str] = []

    def once(self, tags: list[Tag]) -> None:
        def made(part: ReleaseEvidence) -> Evidence:
            return Evidence(trigger="t" * 63, about="0" * 16, release=part)

        seen = evidence(
            tags, KnownTags.of(self.known), self.spec, lambda part: size(made(part)) <= self.room
        )
        travelled = parse_report(Report(triggers=[made(seen)]).dump())
        assert travelled is not None
        received = travelled.triggers[0].release
        assert received is not None
        verdict = judge(received, self.spec, self.known)
        self.known = verdict.known
        self.trained += [cause.tag.name for cause in verdict.causes if cause.tag]


@settings(max_examples=20)
@given(
    st.integers(0, 300), st.lists(st.integers(0, 60), max_size=4), st.sampled_from([1, 2, 5, 16])
)
def test_page_by_page_all_are_known_and_each_later_tag_trains_once_in_order(
    before: int, batches: list[int], triggers: int
) -> None:
    checks = Checks(Release(tag_pattern="*"), triggers)
    count = before
    while not KnownTags.of(checks.known).complete:
        checks.once(numbered(count))
    assert checks.trained == []
    for batch in batches:
        count += batch
        for _ in range(batch + 1):
            checks.once(numbered(count))
    assert checks.trained == [f"v{number}" for number in range(before, count)]


@pytest.mark.parametrize("triggers", [1, 16])
def test_a_long_name_holds_nothing_up(triggers: int) -> None:
    checks = Checks(Release(tag_pattern="*"), triggers)
    long = Tag(name="v" * 200, commit="a" * 40)
    checks.once([*numbered(3), long])
    for _ in range(4):
        checks.once([*numbered(3), long])
    assert KnownTags.of(checks.known).complete


def test_a_server_that_says_nothing_is_not_waited_for(tmp_path: Path) -> None:
    """By git's helper that speaks to it, too."""
    with silent_server() as (_, url):
        source = GitSource.model_validate({"url": f"{url}/team.git"})
        with pytest.raises(RunFailed, match="has not answered within 1 s"):
            list_tags(source, None, seconds=1)
