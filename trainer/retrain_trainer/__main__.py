"""`python -P -m retrain_trainer source|train`: what the containers of a run start."""

import gc
import os
import sys
from pathlib import Path

import click

from retrain_core import names
from retrain_trainer.pod import Pod, run_source, run_train

_PATH = click.Path(path_type=Path)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("step", type=click.Choice([names.SOURCE_CONTAINER, names.TRAIN_CONTAINER]))
@click.option(
    "--spec", type=_PATH, default=Path(names.SPEC_FOLDER, names.SPEC_FILE), show_default=True
)
@click.option("--workspace", type=_PATH, default=Path(names.WORKSPACE), show_default=True)
@click.option("--result", type=_PATH, default=Path("/dev/termination-log"), show_default=True)
@click.option("--git-secret", type=_PATH, help="Folder with the keys of the git Secret.")
def main(step: str, spec: Path, workspace: Path, result: Path, git_secret: Path | None) -> None:
    """Run one container's part of a TrainingRun."""
    pod = Pod(spec, workspace, result, git_secret, os.environ)
    code = run_source(pod) if step == names.SOURCE_CONTAINER else run_train(pod)
    # The collector would look once more at everything that was imported: a second of CPU.
    gc.freeze()
    sys.exit(code)


if __name__ == "__main__":
    main()
