"""`python -P -m retrain_trainer source|train|check`: what the containers of our pods start."""

import gc
import os
import sys
from pathlib import Path

import click

from retrain_core import names

_PATH = click.Path(path_type=Path)
_OF_A_CHECK = (names.LOOK_CONTAINER, names.CHECK_CONTAINER)
_STEPS = [names.SOURCE_CONTAINER, names.TRAIN_CONTAINER, *_OF_A_CHECK]


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("step", type=click.Choice(_STEPS))
@click.option(
    "--spec", type=_PATH, default=Path(names.SPEC_FOLDER, names.SPEC_FILE), show_default=True
)
@click.option("--workspace", type=_PATH, default=Path(names.WORKSPACE), show_default=True)
@click.option("--result", type=_PATH, default=Path("/dev/termination-log"), show_default=True)
@click.option("--git-secret", type=_PATH, help="Folder with the keys of the git Secret.")
@click.option("--metrics-secrets", type=_PATH, help="Folder with a folder for each trigger.")
def main(
    step: str,
    spec: Path,
    workspace: Path,
    result: Path,
    git_secret: Path | None,
    metrics_secrets: Path | None,
) -> None:
    """Run one container's part of a TrainingRun, or a check."""
    if step in _OF_A_CHECK:
        from retrain_trainer.check.pod import CheckPod, run_check, run_look

        check = CheckPod(spec, workspace, result, git_secret, metrics_secrets, os.environ)
        code = run_look(check) if step == names.LOOK_CONTAINER else run_check(check)
        sys.stdout.flush()
        sys.stderr.flush()
        # Threads of a look that was cut off may hang for longer than the pod may live.
        os._exit(code)
    from retrain_trainer.pod import Pod, run_source, run_train

    pod = Pod(spec, workspace, result, git_secret, os.environ)
    code = run_source(pod) if step == names.SOURCE_CONTAINER else run_train(pod)
    # The collector would look once more at everything that was imported: a second of CPU.
    gc.freeze()
    sys.exit(code)


if __name__ == "__main__":
    main()
