"""The plots of dvc.yaml as pictures that need no network: MLflow shows them as they are."""

from pathlib import Path

from dvc_render import VegaRenderer
from dvc_render.base import Renderer

from retrain_trainer.naming import distinct, picture_name
from retrain_trainer.pipeline import objects
from retrain_trainer.pipeline.project import Project


def draw_plots(project: Project, folder: Path) -> list[str]:
    """Draw each plot of the project that is made of data into ``folder``, as SVG.

    Returns the names of plots that could not be drawn: no reason to lose a training.
    """
    # A second of imports that a run with nothing to do is spared.
    from dvc.render.match import match_defs_renderers

    outs = [out for stage in project.stages() for out in stage.outs if out.is_plot]
    objects.place(project, [out for out in outs if out.hash_info])
    folder.mkdir(parents=True, exist_ok=True)
    matches = match_defs_renderers(project.repo.plots.show())
    names = distinct((str(match.renderer.name) for match in matches), picture_name)
    failed = []
    for match in matches:
        name = str(match.renderer.name)
        try:
            _draw(match.renderer, folder / f"{names[name]}.svg")
        except Exception:
            failed.append(name)
    return failed


def plot_files(project: Project) -> list[Path]:
    """The plot files themselves: images and data, relative to the project."""
    found = []
    for stage in project.stages():
        for out in stage.outs:
            path = Path(project.relative(out.fs_path))
            if out.is_plot and path.exists() and not path.is_absolute():
                found.append(path)
    return found


def _draw(renderer: Renderer, file: Path) -> None:
    if isinstance(renderer, VegaRenderer):
        # Brings an engine of 30 MB: imported where there is something to draw.
        import vl_convert

        svg = vl_convert.vegalite_to_svg(renderer.get_filled_template(), allowed_base_urls=[])
        file.write_text(svg)
