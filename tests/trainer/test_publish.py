"""`retrain run --publish`: from a laptop to the stores of the team."""

import os
import subprocess
import sys
from pathlib import Path

from servers.git_repos import git_environment
from support.toy import manifest, toy_files, write_files
from support.world import World

RETRAIN = Path(sys.executable).parent / "retrain"


def test_a_published_run_is_on_the_servers_and_the_tree_is_unchanged(
    world: World, tmp_path: Path
) -> None:
    project = write_files(tmp_path / "project", toy_files())
    (project / "trainingrun.yaml").write_text(manifest(world.spec()))
    for arguments in (["init", "-q"], ["add", "--all"], ["commit", "-q", "-m", "start"]):
        subprocess.run(["git", *arguments], cwd=project, env=git_environment(), check=True)
    done = subprocess.run(
        [str(RETRAIN), "run", "-f", "trainingrun.yaml", "--publish"],
        cwd=project,
        env={**os.environ, **world.s3.environment(), "PATH": f"{RETRAIN.parent}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert f"{world.mlflow.uri}/#/experiments/" in done.stderr
    client = world.client()
    version = client.get_model_version_by_alias(world.name, "champion")
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=project, capture_output=True, text=True, check=True
    )
    assert version.tags["retrain.dev/commit"] == head.stdout.strip()
    assert any(key.startswith("dvc/files/md5/") for key in world.s3.objects(world.bucket))
    status = subprocess.run(
        ["git", "status", "--porcelain"], cwd=project, capture_output=True, text=True, check=True
    )
    assert status.stdout == ""
