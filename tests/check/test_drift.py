"""Drift triggers: today's data against the champion's, on real servers."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from check.conftest import Registry, Team
from check.test_metric import server
from retrain_core.verdict.finding import Finding
from servers.s3 import S3Server

RANDOM = np.random.default_rng(1)
TRAINED = pd.DataFrame(
    {
        "age": RANDOM.normal(40, 10, 500),
        "city": ["a", "b"] * 250,
        "id": [f"i{n}" for n in range(500)],
    }
)
SAME = TRAINED.sample(frac=1, random_state=1)
SHIFTED = TRAINED.assign(age=TRAINED["age"] + 20)


def csv(table: pd.DataFrame) -> str:
    return table.to_csv(index=False)


def drift(current: str, **parts: Any) -> dict[str, Any]:
    return {"current": current, **parts}


@pytest.fixture
def champion(registry: Registry) -> str:
    return registry.champion(TRAINED)


def test_the_same_data_have_not_drifted(team: Team, champion: str, tmp_path: Path) -> None:
    (tmp_path / "today.csv").write_text(csv(SAME))
    verdict = team.judged(drift=drift(str(tmp_path / "today.csv")))
    assert verdict.finding is Finding.NOT_DRIFTED
    assert "0 of 2 columns" in verdict.seen


def test_shifted_data_are_a_cause_once_for_each_file(
    team: Team, champion: str, tmp_path: Path
) -> None:
    file = tmp_path / "today.parquet"
    SHIFTED.to_parquet(file)
    verdict = team.judged(drift=drift(str(file)))
    assert verdict.finding is Finding.DRIFTED
    assert "1 of 2 columns" in verdict.message
    assert "age" in verdict.message
    team.known["t"] = verdict.causes[0].known or ""
    assert team.judged(drift=drift(str(file))).finding is Finding.ALREADY_TRAINED
    SHIFTED.head(400).to_parquet(file)
    assert team.judged(drift=drift(str(file))).finding is Finding.DRIFTED


def test_evidence_has_the_bytes_digest_and_scores(
    team: Team, champion: str, tmp_path: Path
) -> None:
    (tmp_path / "today.csv").write_text(csv(SHIFTED.drop(columns="city").assign(more=1)))
    seen = team.see(drift=drift(str(tmp_path / "today.csv"))).drift
    assert seen is not None
    assert seen.digest == hashlib.md5((tmp_path / "today.csv").read_bytes()).hexdigest()
    assert (seen.rows, seen.judged, seen.drifted) == (500, 2, 2)
    outcomes = {score.column: score.outcome for score in seen.scores}
    assert outcomes == {"age": "Scored", "city": "Lost", "id": "Unique", "more": "New"}
    assert seen.scores[0].psi is not None


def test_all_scores_are_on_the_champion_s_run(
    team: Team, registry: Registry, champion: str, tmp_path: Path
) -> None:
    (tmp_path / "today.csv").write_text(csv(SHIFTED))
    team.see(drift=drift(str(tmp_path / "today.csv")))
    team.see(drift=drift(str(tmp_path / "today.csv")))
    client = registry.client
    history = client.get_metric_history(champion, "drift.t.share")
    assert [point.value for point in history] == [0.5, 0.5]
    assert client.get_run(champion).data.metrics["drift.t.max_psi"] > 0.2
    text = Path(client.download_artifacts(champion, "drift/t.json", str(tmp_path))).read_text()
    content = json.loads(text)
    assert set(content["columns"]) == {"age", "city", "id"}
    assert content["threshold"] == 0.2
    picture = Path(client.download_artifacts(champion, "drift/t.svg", str(tmp_path))).read_text()
    assert picture.startswith("<svg")
    assert ">age</text>" in picture


def test_a_server_that_refuses_the_scores_hinders_no_look(
    team: Team, registry: Registry, champion: str, tmp_path: Path
) -> None:
    registry.client.delete_run(champion)
    (tmp_path / "today.csv").write_text(csv(SHIFTED))
    assert team.judged(drift=drift(str(tmp_path / "today.csv"))).finding is Finding.DRIFTED
    assert "WARNING: the scores are not recorded" in (team.folder / "log").read_text()


def test_columns_are_chosen(team: Team, champion: str, tmp_path: Path) -> None:
    (tmp_path / "today.csv").write_text(csv(SHIFTED))
    current = str(tmp_path / "today.csv")
    for chosen in ({"include": ["city"]}, {"exclude": ["age"]}):
        assert team.judged(drift=drift(current, columns=chosen)).finding is Finding.NOT_DRIFTED
    reason, _ = team.unseen(drift=drift(current, columns={"include": ["absent"]}))
    assert reason == Finding.NO_COLUMNS


def test_data_on_s3_are_read_with_the_run_s_remote(
    team: Team, champion: str, store: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    team.run["dvc"] = {"remote": {"endpointURL": store.endpoint}}
    store.create_bucket(team.name)
    store.put(team.name, "today.csv", csv(SHIFTED).encode())
    url = f"s3://{team.name}/today.csv"
    assert team.judged(drift=drift(url)).finding is Finding.DRIFTED
    reason, message = team.unseen(drift=drift(f"s3://{team.name}/absent.csv"))
    assert (reason, message) == (Finding.DATA_NOT_FOUND, f"there is no s3://{team.name}/absent.csv")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    assert team.unseen(drift=drift(url))[0] == "StoreDenied"
    team.run["dvc"] = {"remote": {"endpointURL": "http://127.0.0.1:9"}}
    assert team.unseen(drift=drift(url))[0] == "StoreUnreachable"


def test_data_on_the_web_are_read(team: Team, champion: str, tmp_path: Path) -> None:
    for status, expected in (
        (404, Finding.DATA_NOT_FOUND),
        (403, "StoreDenied"),
        (500, "StoreUnreachable"),
    ):
        with server(tmp_path, status, "") as answer:
            assert team.unseen(drift=drift(f"{answer.url}/a.csv"))[0] == expected
    with server(tmp_path, 200, csv(SHIFTED)) as answer:
        assert team.judged(drift=drift(f"{answer.url}/a.csv")).finding is Finding.DRIFTED


def test_a_file_of_the_repository_is_that_of_the_branch_s_head(team: Team, champion: str) -> None:
    team.repository.commit({"data/today.csv": csv(SAME)})
    assert team.judged(drift=drift("data/today.csv")).finding is Finding.NOT_DRIFTED
    team.repository.commit({"data/today.csv": csv(SHIFTED)})
    assert team.judged(drift=drift("data/today.csv")).finding is Finding.DRIFTED


def test_an_output_of_the_repository_comes_from_its_store(
    team: Team, champion: str, store: S3Server
) -> None:
    content = csv(SHIFTED).encode()
    md5 = hashlib.md5(content).hexdigest()
    store.create_bucket(team.name)
    team.run["dvc"] = {"remote": {"url": f"s3://{team.name}/dvc", "endpointURL": store.endpoint}}
    out = f"outs:\n- md5: {md5}\n  size: {len(content)}\n  hash: md5\n  path: today.csv\n"
    team.repository.commit({"data/today.csv.dvc": out})
    assert team.unseen(drift=drift("data/today.csv"))[0] == "DataMissing"
    store.put(team.name, f"dvc/files/md5/{md5[:2]}/{md5[2:]}", content)
    assert team.judged(drift=drift("data/today.csv")).finding is Finding.DRIFTED


@pytest.mark.parametrize("current", ["data/absent.csv", "/absent.csv", "../../../etc/passwd"])
def test_data_that_are_not_there_are_told(team: Team, champion: str, current: str) -> None:
    assert team.unseen(drift=drift(current))[0] == Finding.DATA_NOT_FOUND


@pytest.mark.parametrize(
    ("name", "content"), [("a.csv", b""), ("a.parquet", b"x"), ("b.csv", b"\xff\xfe\x00")]
)
def test_what_is_no_table_is_told(
    team: Team, champion: str, tmp_path: Path, name: str, content: bytes
) -> None:
    (tmp_path / name).write_bytes(content)
    reason, message = team.unseen(drift=drift(str(tmp_path / name)))
    assert reason == Finding.NOT_A_TABLE
    assert "neither CSV nor Parquet" in message
    assert team.unseen(drift=drift(str(tmp_path)))[0] == Finding.NOT_A_TABLE
    (tmp_path / "lfs.csv").write_text("version https://git-lfs.github.com/spec/v1\nsize 2\n")
    reason, message = team.unseen(drift=drift(str(tmp_path / "lfs.csv")))
    assert (reason, "Git LFS" in message) == (Finding.NOT_A_TABLE, True)


def test_too_few_rows_are_told(team: Team, champion: str, tmp_path: Path) -> None:
    (tmp_path / "today.csv").write_text(csv(SAME.head(5)))
    reason, message = team.unseen(drift=drift(str(tmp_path / "today.csv")))
    assert reason == Finding.TOO_FEW_ROWS
    assert "5 rows" in message


def test_without_a_champion_or_its_profile_it_is_told(team: Team, registry: Registry) -> None:
    assert team.unseen(drift=drift("data/raw.csv"))[0] == Finding.NO_CHAMPION
    run = registry.champion(None)
    assert team.unseen(drift=drift("data/raw.csv"))[0] == Finding.NO_PROFILE
    registry.client.log_text(run, '{"version": 1, "rows": -1}', "retrain/profile.json")
    assert team.unseen(drift=drift("data/raw.csv"))[0] == Finding.NO_PROFILE


def test_a_tracking_server_that_is_not_there_is_told(
    make_team: Callable[..., Team], monkeypatch: pytest.MonkeyPatch
) -> None:
    team = make_team()
    team.run = {"mlflow": {"trackingURI": "http://127.0.0.1:9"}, "model": {"name": "m"}}
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    assert team.unseen(drift=drift("data/raw.csv"))[0] == "TrackingUnreachable"
    del team.run["model"]
    assert team.unseen(drift=drift("data/raw.csv"))[0] == "InvalidSpec"


def test_many_columns_fill_the_report_and_no_more(
    team: Team, registry: Registry, tmp_path: Path
) -> None:
    wide = pd.DataFrame({f"column-{'x' * 100}-{n}": range(200) for n in range(60)})
    registry.champion(wide)
    (tmp_path / "today.csv").write_text(csv(wide + 100))
    trigger = {"drift": drift(str(tmp_path / "today.csv"))}
    (one,) = team.look({"name": "a", **trigger}).triggers
    assert one.drift is not None
    assert one.drift.drifted == 60
    assert 10 < len(one.drift.scores) <= 32
    assert all(
        each.drift for each in team.look(*({"name": f"a{n}", **trigger} for n in range(8))).triggers
    )
