"""`retrain run --publish`: from a laptop to the stores of the team."""

import os
import subprocess
import sys
from pathlib import Path

from servers.git_repos import git_environment
from support.toy import manifest, toy_files, write_files
from support.world import World

RETRAIN = Path(sys.executable).parent / "retrain"


def command(folder: Path, world: World, *words: str) -> "subprocess.CompletedProcess[str]":
    variables = {**os.environ, **git_environment(), **world.s3.environment()}
    done = subprocess.run(
        words,
        cwd=folder,
        env={**variables, "PATH": f"{RETRAIN.parent}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done


def test_a_published_run_is_on_the_servers_for_anybody_and_the_tree_is_unchanged(
    world: World, tmp_path: Path
) -> None:
    files = toy_files(data__raw_dot_csv_dot_dvc=None, data__raw_dot_csv="1\n1\n1\n")
    project = write_files(tmp_path / "project", files)
    (project / "trainingrun.yaml").write_text(manifest(world.spec()))
    command(project, world, "git", "init", "-q")
    # The data lie in the cache of this machine alone.
    command(project, world, "dvc", "add", "data/raw.csv")
    command(project, world, "git", "add", "--force", "--all", ":!.dvc/cache", ":!data/raw.csv")
    command(project, world, "git", "commit", "-q", "-m", "start")
    done = command(project, world, "retrain", "run", "-f", "trainingrun.yaml", "--publish")
    assert f"{world.mlflow.uri}/#/experiments/" in done.stderr
    client = world.client()
    version = client.get_model_version_by_alias(world.name, "champion")
    head = command(project, world, "git", "rev-parse", "HEAD").stdout.strip()
    assert version.tags["retrain.dev/commit"] == head
    assert any(key.startswith("dvc/files/md5/") for key in world.s3.objects(world.bucket))
    assert command(project, world, "git", "status", "--porcelain").stdout == ""

    clone = tmp_path / "clone"
    command(tmp_path, world, "git", "clone", "-q", str(project), str(clone))
    reference = f"{world.name}@champion"
    done = command(clone, world, "retrain", "pull", reference, "-f", "trainingrun.yaml")
    assert "WARNING" not in done.stderr
    done = command(clone, world, "dvc", "status")
    assert done.stdout == "Data and pipelines are up to date.\n"
