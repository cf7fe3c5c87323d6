"""The plots of dvc.yaml as files that a browser shows."""

from pathlib import Path

from retrain_trainer.pipeline import objects
from retrain_trainer.pipeline.project import Project

PAGE = "index.html"


def render_plots(project: Project, folder: Path) -> bool:
    """Write one page with every plot of the project into ``folder``; False if it has none.

    Raises nothing: a plot that cannot be drawn is no reason to lose a training.
    """
    from dvc.render.match import match_defs_renderers
    from dvc_render import render_html

    outs = [out for stage in project.stages() for out in stage.outs if out.is_plot]
    try:
        objects.place(project, [out for out in outs if out.hash_info])
        data = project.repo.plots.show()
        renderers = [
            match.renderer
            for match in match_defs_renderers(data, out=str(folder), templates_dir=None)
        ]
        if not renderers:
            return False
        folder.mkdir(parents=True, exist_ok=True)
        render_html(renderers, folder / PAGE)
    except Exception:
        return False
    return True


def plot_files(project: Project) -> list[Path]:
    """The plot files themselves: images and data, relative to the project."""
    found = []
    for stage in project.stages():
        for out in stage.outs:
            path = Path(project.relative(out.fs_path))
            if out.is_plot and path.exists() and not path.is_absolute():
                found.append(path)
    return found
