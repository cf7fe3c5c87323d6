"""Which commit is trained: what the revision means, whoever else can write names and tags."""

import subprocess
from dataclasses import dataclass

import pytest

from retrain_core.outcome import Reason, RunFailed
from servers.git_repos import BareRepository
from support.cloning import Cloning, ask
from support.toy import toy_files
from support.world import World


@dataclass
class Named:
    """A repository in which a branch and a tag have one name, and a third commit has none."""

    repository: BareRepository
    branch: str
    tag: str
    proposed: str
    """The head of a pull request: on no branch and no tag."""


@pytest.fixture
def named(cloning: Cloning) -> Named:
    repository = cloning.repository({"b.txt": "1\n"})
    branch = repository.sha()
    repository.branch("side", branch)
    tag = repository.commit({"b.txt": "2\n"}, branch="side")
    repository.tag("main", "refs/heads/side")
    proposed = repository.commit({"b.txt": "3\n"}, branch="side")
    _git(repository, "update-ref", "refs/pull/7/head", proposed)
    repository.delete_branch("side")
    return Named(repository, branch, tag, proposed)


def test_a_tag_that_is_called_like_the_branch_is_not_taken_for_it(
    cloning: Cloning, named: Named
) -> None:
    both = ("a branch and a tag main", "refs/heads/main or refs/tags/main")
    cloning.refused(named.repository, Reason.INVALID_SPEC, *both)
    for revision, commit in {
        "refs/heads/main": named.branch,
        "refs/tags/main": named.tag,
        "refs/pull/7/head": named.proposed,
        "HEAD": named.branch,
        named.tag: named.tag,
    }.items():
        target = cloning.clone(named.repository, revision=revision)
        assert ask(target, "rev-parse", "HEAD") == commit, revision


def test_a_name_is_a_branch_a_tag_or_a_short_commit(cloning: Cloning) -> None:
    repository = cloning.repository({"b.txt": "1\n"})
    first = repository.tag("v1", message="annotated")
    repository.commit({"b.txt": "2\n"})
    for revision in ("v1", first[:9]):
        assert ask(cloning.clone(repository, revision=revision), "rev-parse", "HEAD") == first
    cloning.refused(repository, Reason.SOURCE_NOT_FOUND, "no branch, tag", revision="v2")
    cloning.refused(repository, Reason.SOURCE_NOT_FOUND, "on no branch", revision="1234567")


@pytest.mark.parametrize("filtering", ["true", "false"])
def test_a_recorded_commit_is_fetched_only_if_the_revision_leads_to_it(
    cloning: Cloning, named: Named, filtering: str
) -> None:
    repository, old = named.repository, named.branch
    _git(repository, "config", "uploadpack.allowFilter", filtering)
    _git(repository, "tag", "-d", "main")
    repository.commit({"b.txt": "4\n"})
    for revision in ("main", repository.sha()[:9], old):
        assert ask(cloning.clone(repository, old, revision), "rev-parse", "HEAD") == old
    for revision in ("main", repository.sha()[:9], old, repository.sha()):
        words = (f"commit {named.proposed[:12]}", "does not lead to", "retrain.dev/commit")
        cloning.refused(
            repository, Reason.SOURCE_NOT_FOUND, *words, pinned=named.proposed, revision=revision
        )


def test_of_a_branch_that_was_rewritten_since_the_commit_is_named_that_the_run_began_with(
    cloning: Cloning,
) -> None:
    """Though its server gives it out: it would a stranger's as well."""
    repository = cloning.repository({"b.txt": "1\n"})
    repository.allow_sha_in_want("any")
    began_with = repository.sha()
    words = (f"this run began with commit {began_with[:12]}", "was rewritten or deleted since")
    repository.branch("main", "main~1")
    repository.commit({"b.txt": "2\n"})
    with pytest.raises(RunFailed) as told:
        cloning.clone(repository, began_with)
    assert told.value.reason is Reason.SOURCE_NOT_FOUND
    assert all(word in told.value.message for word in words)
    assert told.value.remedy.startswith("Start a new run")
    repository.branch("other", "main")
    repository.delete_branch("main")
    gone = (*words, "main of", "is gone")
    cloning.refused(repository, Reason.SOURCE_NOT_FOUND, *gone, pinned=began_with)


def test_who_can_write_to_mlflow_alone_chooses_no_commit(world: World) -> None:
    main = world.repository.sha()
    world.repository.branch("attack", main)
    stranger = world.repository.commit({"src/train.py": "raise SystemExit(3)"}, branch="attack")
    _git(world.repository, "update-ref", "refs/pull/7/head", stranger)
    world.repository.delete_branch("attack")
    pods = world.pods()
    assert pods.source().result.commit == main
    client = world.client()
    experiment = client.get_experiment_by_name(world.name)
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id])
    client.set_tag(run.info.run_id, "retrain.dev/commit", stranger)
    ended = pods.source()
    assert (ended.code, ended.result.reason) == (20, Reason.SOURCE_NOT_FOUND), ended
    assert "does not lead to" in ended.result.message
    assert ended.result.commit is None
    client.set_tag(run.info.run_id, "retrain.dev/commit", main)
    world.repository.commit({"src/train.py": toy_files()["src/train.py"] + "# later\n"})
    assert pods.source().result.commit == main


def _git(repository: BareRepository, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(repository.path), *arguments], check=True)
