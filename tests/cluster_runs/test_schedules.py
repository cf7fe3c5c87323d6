"""RetrainSchedules with real checks: tags in git, data in S3, profiles in MLflow, a Prometheus."""

from collections.abc import Callable

import pytest

from cluster_runs.installed import NAMESPACE
from cluster_runs.kubectl import Kubectl
from cluster_runs.scheduled import NEVER, Scheduled
from cluster_runs.team import Object, Team, secret
from servers.prometheus import PrometheusServer
from support.toy import toy_files

IMPORT = """
frozen: true
deps:
- path: s3://{bucket}/upstream/raw.csv
outs:
- path: raw.csv
  hash: md5
"""


@pytest.fixture
def scheduled(team: Team) -> Scheduled:
    return Scheduled(team)


def release(tag: str, team: Team, lr: float) -> str:
    """A commit that trains another model, and its tag; gives the commit."""
    commit = team.repository.commit({"params.yaml": f"train:\n  lr: {lr}\n"})
    team.repository.tag(tag, message=tag)
    return commit


def versions(team: Team) -> dict[str, str]:
    """The commit of each version that carries a tag, by that tag."""
    found = team.client().search_model_versions(f"name='{team.name}'")
    return {
        one.tags["retrain.dev/release"]: one.tags["retrain.dev/commit"]
        for one in found
        if "retrain.dev/release" in one.tags
    }


@pytest.mark.exhaustive
def test_each_tag_trains_once_at_its_commit_and_its_version_carries_it(
    scheduled: Scheduled,
) -> None:
    team = scheduled.team
    release("v1.1.0", team, 0.1)
    scheduled.apply({"name": "release", "release": {"tagPattern": "v*"}})
    scheduled.check("check-1")
    assert scheduled.trigger("release").reason == "Recorded"
    pushed = {"v1.2.0": release("v1.2.0", team, 0.2)}
    scheduled.check("check-2")
    (run,) = scheduled.trained(1)
    assert run["status"]["commit"] == pushed["v1.2.0"]
    assert versions(team) == pushed
    found = team.client().get_model_version_by_alias(team.name, "v1-2-0")
    assert found.version == run["status"]["model"]["version"]
    # Neither a check that dies nor an operator that does loses one.
    pushed["v1.2.1"] = release("v1.2.1", team, 0.05)
    pushed["v1.3.0"] = release("v1.3.0", team, 0.3)
    scheduled.start_check("check-3")
    selector = "batch.kubernetes.io/job-name=check-3"
    scheduled.until(lambda: team.kubectl.list("pods", selector), "the check has a pod")
    team.kubectl("delete", "pod", "-l", selector, "--grace-period=0", "--force")
    scheduled.start_check("check-4")
    everywhere = Kubectl(team.kubectl.kubeconfig, NAMESPACE)
    everywhere("rollout", "restart", "deployment")
    runs = scheduled.trained(3)
    scheduled.check("check-5")
    assert versions(team) == pushed
    trained = [run["status"]["commit"] for run in scheduled.trained(3)]
    assert trained == [run["status"]["commit"] for run in runs] == [*pushed.values()]
    assert "RunStarted" in scheduled.events()


def test_each_change_upstream_trains_once_on_the_new_bytes(
    make_a_team: Callable[..., Team],
) -> None:
    files = toy_files() | {"data/raw.csv.dvc": IMPORT}
    files.pop("data/raw.csv", None)
    team = make_a_team(files)
    team.repository.commit({"data/raw.csv.dvc": IMPORT.format(bucket=team.bucket)})
    s3 = team.stores.s3
    endpoint = {"name": "AWS_ENDPOINT_URL", "value": f"http://{team.stores.s3_address}"}
    spec = team.spec()
    spec["pod"]["env"] = [*spec["pod"]["env"], endpoint]
    scheduled = Scheduled(team)
    s3.put(team.bucket, "upstream/raw.csv", b"1\n2\n3\n")
    data = {"name": "data", "data": {"paths": ["data/raw.csv.dvc"]}}
    scheduled.apply(data, run=spec, cooldownSeconds=0)
    scheduled.check("check-1")
    told = scheduled.trigger("data")
    assert told.reason == "Recorded", told.message
    s3.put(team.bucket, "upstream/raw.csv", b"10\n20\n30\n40\n")
    scheduled.check("check-2")
    (run,) = scheduled.trained(1)
    assert score(run) == pytest.approx(0.5 * 25)
    evidence = run["status"]["trigger"]["evidence"]
    assert evidence.startswith("changed: data/raw.csv.dvc: "), evidence
    scheduled.check("check-3")
    assert scheduled.trigger("data").reason == "DataUnchanged"
    s3.put(team.bucket, "upstream/raw.csv", b"1\n2\n3\n")
    scheduled.check("check-4")
    _, again = scheduled.trained(2)
    assert score(again) == pytest.approx(0.5 * 2)


def score(run: Object) -> float:
    """The toy's learning rate times the mean of its data."""
    return next(float(one["value"]) for one in run["status"]["metrics"] if one["name"] == "score")


def table(shift: float) -> str:
    rows = [f"{number % 40 + shift},{number % 7}" for number in range(400)]
    return "\n".join(["length,width", *rows]) + "\n"


@pytest.mark.exhaustive
def test_a_shifted_column_trains_once_and_the_profile_moves_with_the_champion(
    make_a_team: Callable[..., Team],
) -> None:
    team = make_a_team(toy_files() | {"data/table.csv": table(0)})
    scheduled = Scheduled(team)
    spec = team.spec(model={"profile": {"path": "data/table.csv"}})
    today = f"s3://{team.bucket}/today.csv"
    drift: Object = {"name": "drift", "drift": {"current": today}}
    yearly = {"name": "yearly", "cron": {"schedule": NEVER}}
    scheduled.apply(drift, yearly, run=spec, cooldownSeconds=0)
    scheduled.check("check-1")
    assert scheduled.trigger("drift").reason == "NoChampion"
    team.kubectl("create", "job", "--from=cronjob/toy-yearly", "first")
    scheduled.trained(1)
    team.stores.s3.put(team.bucket, "today.csv", table(0).encode())
    scheduled.check("check-2")
    assert scheduled.trigger("drift").reason == "NotDrifted"
    team.stores.s3.put(team.bucket, "today.csv", table(25).encode())
    # With the next version, which is better, the profile moves.
    team.repository.commit({"data/table.csv": table(25), "params.yaml": "train:\n  lr: 0.9\n"})
    scheduled.check("check-3")
    _, run = scheduled.trained(2)
    assert run["status"]["trigger"]["type"] == "Drift"
    assert "length" in run["status"]["trigger"]["evidence"]
    assert run["status"]["model"]["promoted"] is True
    scheduled.check("check-4")
    told = scheduled.trigger("drift")
    assert (told.reason, told.scores[0].psi) == ("NotDrifted", "0.0000")
    scheduled.trained(2)
    first = team.client().get_model_version(team.name, "1")
    assert first.run_id is not None
    artifacts = {one.path for one in team.client().list_artifacts(first.run_id, "drift")}
    assert artifacts == {"drift/drift.json", "drift/drift.svg"}
    history = team.client().get_metric_history(first.run_id, "drift.drift.max_psi")
    assert history[0].value == 0
    assert history[1].value > 0.2


@pytest.mark.exhaustive
def test_a_metric_below_its_threshold_trains_once_and_not_again_in_its_cooldown(
    team: Team, protected_prometheus: PrometheusServer, for_pods: Callable[[str], str]
) -> None:
    server = protected_prometheus
    scheduled = Scheduled(team)
    name = f"accuracy_{team.name.replace('-', '_')}"
    password = {"username": server.user or "", "password": server.password or ""}
    team.kubectl.apply(secret("metrics", password))
    url = team.by_name("prometheus", for_pods(server.url))
    prometheus = {"url": url, "query": name, "secretRef": {"name": "metrics"}}
    scheduled.apply({"name": "quality", "metric": {"prometheus": prometheus, "below": 0.9}})
    scheduled.check("check-1")
    assert scheduled.trigger("quality").reason == "NoSeries"
    (checked,) = [one for one in scheduled.status()["conditions"] if one["type"] == "Checked"]
    assert (checked["status"], checked["reason"]) == ("False", "NoSeries")
    for number, value in enumerate((0.95, 0.8, 0.79, 0.7), start=2):
        server.set(name, value)
        server.until(name, value)
        scheduled.check(f"check-{number}")
        if value == 0.95:
            assert scheduled.trigger("quality").reason == "WithinThreshold"
            assert scheduled.runs() == []
        elif value == 0.8:
            (run,) = scheduled.trained(1)
            assert run["status"]["trigger"]["evidence"] == "0.8 is below 0.9."
    assert "cooldownSeconds" in (scheduled.trigger("quality").waits or "")
    assert len(scheduled.runs()) == 1
    assert "DidNotStart" in scheduled.events()
