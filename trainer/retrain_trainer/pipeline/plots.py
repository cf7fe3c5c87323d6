"""The plots of dvc.yaml as pictures that need no network: MLflow shows them as they are."""

import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

from dvc_render import VegaRenderer
from dvc_render.base import Renderer

from retrain_trainer.naming import distinct, picture_name
from retrain_trainer.pipeline import transfer
from retrain_trainer.pipeline.paths import related
from retrain_trainer.pipeline.plan import Plan
from retrain_trainer.pipeline.project import Project


def draw_plots(project: Project, plan: Plan, written: Collection[str], folder: Path) -> list[str]:
    """Draw each plot of the plan's stages that is made of data into ``folder``, as SVG.

    ``written``: paths, from the folder that holds .dvc, of files that these stages have written
    though they are no outputs.

    Returns the names of plots that could not be drawn: no reason to lose a training.
    """
    # A second of imports that a run with nothing to do is spared.
    from dvc.render.match import match_defs_renderers

    outs = [out for out in plan.outs(project) if out.is_plot]
    transfer.place(project, [out for out in outs if out.hash_info])
    folder.mkdir(parents=True, exist_ok=True)
    matches = match_defs_renderers(_ours(project, plan, written))
    names = distinct((str(match.renderer.name) for match in matches), picture_name)
    failed = []
    for match in matches:
        name = str(match.renderer.name)
        try:
            _draw(match.renderer, folder / f"{names[name]}.svg")
        except Exception:
            failed.append(name)
    return failed


def plot_files(project: Project, plan: Plan) -> list[Path]:
    """The plot files themselves: images and data, relative to the project."""
    found = []
    for out in plan.outs(project):
        path = Path(project.relative(out.fs_path))
        if out.is_plot and path.exists() and not path.is_absolute():
            found.append(path)
    return found


def _ours(project: Project, plan: Plan, written: Collection[str]) -> Any:
    """What DVC would show, without the plots of files that this run has not made."""
    made = [project.relative_to_root(out.fs_path) for out in plan.outs(project)]
    shown = project.repo.plots.show()
    for revision in shown.values():
        sources = (revision.get("sources") or {}).get("data") or {}
        for file in list(sources):
            path = project.relative_to_root(os.path.abspath(file))
            if path not in written and not any(related(path, out) for out in made):
                del sources[file]
    return shown


def _draw(renderer: Renderer, file: Path) -> None:
    if isinstance(renderer, VegaRenderer):
        # Brings an engine of 30 MB: imported where there is something to draw.
        import vl_convert

        svg = vl_convert.vegalite_to_svg(renderer.get_filled_template(), allowed_base_urls=[])
        file.write_text(svg)
