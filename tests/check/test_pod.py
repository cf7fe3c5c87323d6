"""The check as its container runs it: exit codes, the message, and no secrets anywhere."""

import time

import pytest

from check.conftest import Team
from check.test_metric import one, server
from retrain_core.evidence import parse_report
from retrain_core.outcome import OUTCOMES, Reason
from retrain_core.result import BUDGET
from servers.silent import silent_server

DATA = {"name": "data", "data": {"paths": ["data/raw.csv"]}}
TAGS = {"name": "tags", "release": {"tagPattern": "*"}}


def prometheus(url: str, name: str = "quality") -> dict[str, object]:
    asked = {"url": url, "query": "up", "secretRef": {"name": "prom"}}
    return {"name": name, "metric": {"prometheus": asked, "above": 1}}


def test_it_reports_every_trigger_and_tells_what_it_would_do(team: Team) -> None:
    team.forked = False
    done = team.pod([DATA, TAGS])
    assert done.returncode == 0, done.stderr
    report = parse_report(team.message)
    assert report is not None
    assert [each.trigger for each in report.triggers] == ["data", "tags"]
    assert "==> look at data (data)" in done.stderr
    assert "Recorded: " in done.stderr


def test_one_that_cannot_be_looked_at_hides_no_other(team: Team) -> None:
    lost = {"name": "lost", "data": {"paths": ["absent"]}}
    dead = prometheus("http://127.0.0.1:9")
    done = team.pod([lost, dead, DATA])
    assert done.returncode == 0
    report = parse_report(team.message)
    assert report is not None
    reasons = [each.unseen and each.unseen.reason for each in report.triggers]
    assert reasons == ["PathNotFound", "MetricsUnreachable", None]
    assert "WARNING: PathNotFound: there is no absent" in done.stderr


def test_a_task_that_makes_no_sense_ends_with_the_code_of_its_reason(team: Team) -> None:
    done = team.pod([{"name": "x"}])
    assert done.returncode == OUTCOMES[Reason.INVALID_SPEC].exit_code
    assert "needs exactly one of" in team.message
    assert "InvalidSpec" in done.stderr
    clock = team.pod([{"name": "x", "cron": {"schedule": "0 0 * * *"}}])
    assert clock.returncode == OUTCOMES[Reason.INVALID_SPEC].exit_code


def test_no_secret_is_in_the_log_or_the_report(
    team: Team, tmp_path: pytest.TempPathFactory
) -> None:
    canaries = ["canary-token-1", "canary-password-2", "canary-git-3", "canary-aws-4"]
    team.metric_secrets = {
        "a": {"token": canaries[0]},
        "b": {"username": "me", "password": canaries[1]},
    }
    team.secret = {"username": "trainer", "password": canaries[2]}
    told = f'{{"status":"error","error":"{" ".join(canaries)}"}}'
    with server(team.folder, 422, told) as answer:
        done = team.pod(
            [prometheus(answer.url, "a"), prometheus(answer.url, "b"), TAGS, DATA],
            AWS_SECRET_ACCESS_KEY=canaries[3],
        )
        heard = {authorization for _, authorization in answer.seen}
    assert done.returncode == 0
    assert f"Bearer {canaries[0]}" in heard
    assert "QueryRefused" in team.message
    for canary in canaries:
        assert canary not in done.stdout + done.stderr + team.message


def test_sixteen_triggers_that_fail_at_length_fit_into_the_message(team: Team) -> None:
    paths = {"data": {"paths": ["ä" * 500]}}
    done = team.pod([{"name": f"t{number}{'x' * 40}", **paths} for number in range(16)])
    assert done.returncode == 0
    assert len(team.message.encode()) <= BUDGET
    report = parse_report(team.message)
    assert report is not None
    assert len(report.triggers) + report.left_out == 16
    assert {each.unseen and each.unseen.reason for each in report.triggers} == {"PathNotFound"}


def test_a_value_is_seen_with_the_trigger_s_own_secret(team: Team) -> None:
    team.metric_secrets = {"quality": {"token": "t0ken-of-it\n"}}
    with server(team.folder, 200, one("2")) as answer:
        team.pod([prometheus(answer.url)])
        ((_, authorization),) = answer.seen
    assert authorization == "Bearer t0ken-of-it"
    report = parse_report(team.message)
    assert report is not None
    assert report.triggers[0].metric is not None
    assert report.triggers[0].metric.value == "2.0"


def test_a_folder_that_looks_like_a_repository_runs_nothing(team: Team) -> None:
    ran = team.folder / "ran"
    config = (
        "[core]\n\trepositoryformatversion = 1\n\tbare = false\n\tworktree = .\n"
        f"\tsshCommand = touch {ran}; false\n"
        '[extensions]\n\tpartialClone = o\n[remote "o"]\n\turl = ssh://h/x\n\tpromisor = true\n'
    )
    team.repository.commit(
        {
            "data/HEAD": "a" * 40 + "\n",
            "data/config": config,
            "data/objects/.keep": "",
            "data/refs/.keep": "",
        }
    )
    team.run = {"source": {"git": {**team.spec()["source"]["git"], "path": "data"}}}
    seen = team.see(data={"paths": ["raw.csv"]})
    assert seen.data is not None
    assert team.unseen(data={"paths": ["absent"]})[0] == "PathNotFound"
    assert not ran.exists()


@pytest.mark.exhaustive
def test_a_look_that_hangs_takes_its_share_of_the_time_and_none_of_the_others(team: Team) -> None:
    team.timeout, team.forked = 60, False
    with silent_server() as (_, upstream):
        content = f"frozen: true\ndeps:\n- path: {upstream}/raw.csv\nouts:\n- path: raw.csv\n"
        team.repository.commit({"data/hangs.dvc": content})
        team.run |= {"mlflow": {"trackingURI": upstream}, "model": {"name": "m"}}
        began = time.monotonic()
        done = team.pod(
            [
                {"name": "hangs", "data": {"paths": ["data/hangs.dvc"]}},
                {"name": "too", "drift": {"current": "data/raw.csv"}},
                DATA,
            ]
        )
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - began < team.timeout
    report = parse_report(team.message)
    assert report is not None
    reasons = [each.unseen and each.unseen.reason for each in report.triggers]
    assert reasons == ["LookTimedOut", "LookTimedOut", None], done.stderr
