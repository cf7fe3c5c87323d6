"""The command line: `retrain`."""

import gc
import sys
from pathlib import Path
from typing import Any

import click

from retrain_core.names import DISTRIBUTION

MANIFEST = click.Path(path_type=Path, dir_okay=False, allow_dash=True)
FILE = click.Path(path_type=Path, dir_okay=False)
FOLDER = click.Path(path_type=Path, file_okay=False, exists=True)


class Program(click.Group):
    """Called by the name it was typed with: as a plugin of kubectl that is two words."""

    def main(self, *args: Any, **extra: Any) -> Any:
        if Path(sys.argv[0]).stem == "kubectl-retrain":
            extra.setdefault("prog_name", "kubectl retrain")
        return super().main(*args, **extra)


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name=DISTRIBUTION)
def main() -> None:
    """Retrain machine-learning models: a git repository's DVC pipeline in, a recorded, registered
    and perhaps promoted MLflow model out."""


@main.command()
@click.option("-f", "--filename", type=MANIFEST, required=True, help="Manifest of a TrainingRun.")
@click.option(
    "--source",
    type=FOLDER,
    help="Folder of the DVC project.  [default: the manifest's folder]",
)
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Override a parameter, as spec.dvc.params does. May be repeated.",
)
@click.option("--smoke", is_flag=True, help="A quick training on spec.smoke's inputs: for CI.")
@click.option("--publish", is_flag=True, help="Write to the stores that the manifest names.")
@click.option("-o", "--output", type=click.Choice(["json", "yaml"]), help="Print the TrainingRun.")
@click.option("-v", "--verbose", is_flag=True, help="Show what the stages print.")
def run(
    filename: Path,
    source: Path | None,
    overrides: tuple[str, ...],
    smoke: bool,
    publish: bool,
    output: str | None,
    verbose: bool,
) -> None:
    """Train now, on this machine, as the cluster would.

    Writes only below .retrain/ in the project, unless --publish is given. The exit code is 0 if
    the run succeeded, else the one of its reason.
    """
    from retrain_cli.run import Options, run_manifest

    options = Options(filename, source, overrides, smoke, publish, output, verbose)
    code = run_manifest(options)
    # The collector would look once more at everything that was imported: a second of CPU.
    gc.freeze()
    sys.exit(code)


@main.command()
@click.option("-f", "--filename", type=MANIFEST, required=True, help="Manifest of a TrainingRun.")
@click.option("-n", "--namespace", help="Namespace of the run.  [default: manifest, context]")
@click.option("--context", help="Context of the kubeconfig.  [default: the current one]")
@click.option("--kubeconfig", type=FILE, help="Kubeconfig.  [default: KUBECONFIG, ~/.kube/config]")
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Override a parameter, as spec.dvc.params does. May be repeated.",
)
@click.option("--revision", help="Train this branch, tag or commit: spec.source.git.revision.")
@click.option("--name", help="Name of the run.  [default: the manifest's]")
@click.option("--generate-name", is_flag=True, help="A name of its own each time: NAME-xxxxx.")
@click.option("--wait", is_flag=True, help="Show stages and logs; end with the run's exit code.")
@click.option("--timeout", type=click.FloatRange(min=0), help="Seconds to wait at most.")
@click.option("--cancel-on-interrupt", is_flag=True, help="Ctrl-C and SIGTERM cancel the run.")
@click.option("-q", "--quiet", is_flag=True, help="While waiting, leave out what stages print.")
@click.option("-o", "--output", type=click.Choice(["name", "json", "yaml"]), help="Print the run.")
def submit(**typed: Any) -> None:
    """Train on a cluster: create the TrainingRun of a manifest, and perhaps wait for it.

    With --wait the exit code is 0 if the run succeeded, else the one of its reason; 124 if it has
    not ended within --timeout, 130 if waiting was interrupted. A cluster that cannot be used is 1.
    """
    from retrain_cli.submit import Options, submit_manifest

    if typed["name"] and typed["generate_name"]:
        raise click.UsageError("--name and --generate-name exclude each other")
    if not typed["wait"] and (typed["timeout"] is not None or typed["cancel_on_interrupt"]):
        raise click.UsageError("--timeout and --cancel-on-interrupt are about --wait")
    sys.exit(submit_manifest(Options(**typed)))


@main.command()
@click.option("-f", "--filename", type=MANIFEST, required=True, help="Manifest of a TrainingRun.")
@click.option("--trainer-image", help="The operator's.  [default: that of this version]")
@click.option("--defaults", type=FILE, help="The operator's `defaults`: a part of a spec, as YAML.")
@click.option("-n", "--namespace", help="Namespace of the run.  [default: the manifest's]")
@click.option(
    "-o", "--output", type=click.Choice(["json", "yaml"]), default="yaml", show_default=True
)
def render(
    filename: Path,
    trainer_image: str | None,
    defaults: Path | None,
    namespace: str | None,
    output: str,
) -> None:
    """Print what the operator would create; needs no cluster.

    That is the Job of a TrainingRun, or the CronJobs of a RetrainSchedule. They lack the reference
    to their owner, which has no uid yet.
    """
    from retrain_cli.render import render_manifest

    sys.exit(render_manifest(filename, trainer_image, defaults, namespace, output))


@main.command()
@click.option("-f", "--filename", type=MANIFEST, required=True, help="A RetrainSchedule.")
@click.option(
    "--source",
    type=FOLDER,
    help="Folder of the DVC project, with .retrain/.  [default: the manifest's folder]",
)
@click.option("-o", "--output", type=click.Choice(["json", "yaml"]), help="Print data, no table.")
def check(filename: Path, source: Path | None, output: str | None) -> None:
    """Print what each trigger of a RetrainSchedule sees now, and whether it would train.

    Nothing is started or recorded. What is known already is taken from the manifest's status:
    `kubectl get rsched NAME -o yaml | retrain check -f -` knows what the cluster does; whether a
    run may start now (cooldown, active runs) is the operator's to say. Credentials
    are those of the environment (AWS_*, MLFLOW_TRACKING_*, PROMETHEUS_USERNAME and
    PROMETHEUS_PASSWORD or PROMETHEUS_TOKEN) and of your git.

    The exit code is 0 if every trigger could be looked at; else that of the first reason why not,
    as for `retrain run`, or 1 if no run ends with that reason.
    """
    from retrain_cli.check import Options, check_manifest

    code = check_manifest(Options(filename, source, output))
    # As after `retrain run`.
    gc.freeze()
    sys.exit(code)


@main.command()
@click.argument("model", metavar="MODEL[@ALIAS | /VERSION]")
@click.option("-f", "--filename", type=MANIFEST, help="Manifest that names the stores.")
@click.option("--source", type=FOLDER, default=Path(), help="Folder of the DVC project.")
@click.option("--force", is_flag=True, help="Overwrite files that have uncommitted changes.")
def pull(model: str, filename: Path | None, source: Path, force: bool) -> None:
    """Bring a registered version into the work tree: dvc.lock, imports, parameters, data, model.

    Without an alias or version it is the champion. The tracking server and the store are those
    of -f, else of the environment (MLFLOW_TRACKING_URI), else those below .retrain/.
    """
    from retrain_cli.pull import pull_version

    sys.exit(pull_version(model, filename, source, force))


@main.command()
@click.option("--source", type=FOLDER, default=Path(), help="Folder of the DVC project.")
@click.option("--port", type=click.IntRange(0, 65535), default=5000, show_default=True)
def ui(source: Path, port: int) -> None:
    """Open MLflow on the runs that `retrain run` has recorded here."""
    from retrain_cli.ui import serve

    sys.exit(serve(source, port))
