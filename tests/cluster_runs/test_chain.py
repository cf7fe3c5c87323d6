"""`kubectl apply -f trainingrun.yaml`, from the commit to the alias."""

import hashlib
import re
import subprocess
from pathlib import Path

from cluster_runs.team import GATE, GIT_CA, Team


def test_the_chain_from_commit_to_alias_stands_in_the_status(team: Team, tmp_path: Path) -> None:
    with subprocess.Popen(
        [*team.kubectl.command, "get", "trun", "--watch"],
        stdout=subprocess.PIPE,
        text=True,
    ) as watching:
        assert "created" in team.kubectl.apply(team.run("toy"))
        status = team.finished("toy")
        watching.terminate()
        seen = watching.communicate()[0]
    assert status["conditions"][0]["reason"] == "Trained", status
    assert status["commit"] == team.repository.sha()
    assert status["attempts"] == 1
    assert [stage["name"] for stage in status["stages"]] == ["prepare", "train", "evaluate"]
    assert {stage["state"] for stage in status["stages"]} == {"Ran"}
    run = team.client().get_run(status["mlflow"]["runID"])
    assert run.info.status == "FINISHED"
    assert status["mlflow"]["url"].endswith(
        f"{team.stores.mlflow_address}/#/experiments/{run.info.experiment_id}/runs/"
        f"{run.info.run_id}"
    )
    version = team.client().get_model_version_by_alias(team.name, "champion")
    assert (status["model"]["version"], status["model"]["promoted"]) == (version.version, True)
    assert version.run_id == run.info.run_id
    # The objects of the version's dvc.lock are in the bucket, under their own MD5.
    lock = team.client().download_artifacts(run.info.run_id, "retrain/dvc.lock", str(tmp_path))
    text = Path(lock).read_text()
    assert hashlib.md5(text.encode()).hexdigest() == status["dvc"]["lockMD5"]
    for md5 in set(re.findall(r"md5: ([0-9a-f]{32})$", text, re.MULTILINE)):
        key = f"dvc/files/md5/{md5[:2]}/{md5[2:]}"
        if key in team.stores.s3.objects(team.bucket):
            content = team.stores.s3.get(team.bucket, key)
            assert hashlib.md5(content).hexdigest() == md5
    outputs = [o for o in team.stores.s3.objects(team.bucket) if o.startswith("dvc/files/md5/")]
    assert len(outputs) >= 2
    for word in ("Starting", "Training", "Trained"):
        assert word in seen, seen


def test_after_the_pod_is_deleted_only_what_had_not_ended_runs(team: Team) -> None:
    gated = {"env": [GIT_CA, {"name": "TOY_GATE", "value": GATE}]}
    team.apply("toy", team.spec(pod=gated))
    first = team.pod_in_stage("toy", "train")
    assert team.status("toy")["commit"] == team.repository.sha()
    assert team.reason("toy")[:2] == ("Unknown", "Training")
    # Meanwhile the branch moves on: one run trains one commit.
    commit = team.repository.sha()
    team.repository.commit({"params.yaml": "train:\n  lr: 0.9\n"})
    team.kubectl("delete", "pod", first)
    second = team.pod_in_stage("toy", "train", other_than=first)
    team.open_gate(second)
    status = team.finished("toy")
    assert status["conditions"][0]["reason"] == "Trained", status
    assert (status["commit"], status["attempts"]) == (commit, 2)
    states = {stage["name"]: stage["state"] for stage in status["stages"]}
    assert states["prepare"] in ("Unchanged", "Restored"), states
    assert states["train"] == "Ran"
    client = team.client()
    assert len(client.search_model_versions(f"name='{team.name}'")) == 1
    experiment = client.get_experiment_by_name(team.name)
    assert experiment is not None
    assert len(client.search_runs([experiment.experiment_id])) == 1
