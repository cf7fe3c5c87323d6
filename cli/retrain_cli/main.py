"""The command line: `retrain`."""

import gc
import sys
from pathlib import Path

import click

MANIFEST = click.Path(path_type=Path, dir_okay=False)
FOLDER = click.Path(path_type=Path, file_okay=False, exists=True)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="retrain")
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
