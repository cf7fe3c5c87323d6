"""Who is champion after each run: data that come back, a person's word, the right file."""

import json
from typing import Any

from mlflow import MlflowClient

from support.toy import toy_spec

from .conftest import Laptop


def client(laptop: Laptop) -> MlflowClient:
    uri = f"sqlite:///{laptop.project}/.retrain/mlflow/mlflow.db"
    return MlflowClient(uri, uri)


def model(laptop: Laptop, *arguments: str) -> tuple[str, dict[str, Any]]:
    """The reason of a run, and what its status says of the model."""
    done = laptop.run("-o", "json", *arguments)
    assert done.returncode == 0, done.stderr
    status = json.loads(done.stdout)["status"]
    return status["conditions"][0]["reason"], status["model"]


def upstream(laptop: Laptop, rows: str) -> None:
    (laptop.project / "upstream" / "raw.csv").write_text(rows)
    laptop.commit()


def test_data_that_come_back_bring_their_better_model_back_and_a_rollback_stays(
    laptop: Laptop,
) -> None:
    evaluate = laptop.project / "src" / "evaluate.py"
    # The best model is the one that was trained on as many rows as it is judged on.
    rows = "-abs(model['n'] - len(rows('data/processed.csv')))"
    evaluate.write_text(evaluate.read_text().replace('model["lr"] * mean', rows))
    laptop.commit()
    assert model(laptop)[1]["promoted"]
    upstream(laptop, "1\n" * 9)
    _, second = model(laptop)
    assert (second["version"], second["promoted"]) == ("2", True)
    upstream(laptop, "1\n" * 3)
    reason, first = model(laptop)
    assert (reason, first["version"], first["promoted"]) == ("UpToDate", "1", True)
    assert first["reason"].startswith("Better: score 0 against -6 of version 2")
    client(laptop).set_registered_model_alias("toy", "champion", "2")
    _, first = model(laptop)
    assert (first["version"], first["promoted"]) == ("1", False)
    assert first["reason"].startswith("Withdrawn: a person has taken the alias champion")
    assert int(client(laptop).get_model_version_by_alias("toy", "champion").version) == 2


def test_what_is_added_to_the_spec_later_is_applied_though_no_stage_runs(laptop: Laptop) -> None:
    laptop.write(toy_spec(model={"name": "toy"}))
    assert not model(laptop)[1]["promoted"]
    laptop.write(toy_spec(model={"name": "toy", "promotion": {"metric": "score"}}))
    reason, found = model(laptop)
    assert (reason, found["promoted"]) == ("UpToDate", True)
    promotion = {"metric": "score", "alias": "Production"}
    laptop.write(toy_spec(model={"name": "toy", "promotion": promotion}))
    done = laptop.run()
    assert "models:/toy@Production" in done.stderr
    aliases = client(laptop).get_registered_model("toy").aliases
    assert {name: int(number) for name, number in aliases.items()} == {
        "champion": 1,
        "Production": 1,
    }
    assert laptop.ran() == ["prepare", "train", "evaluate"]
