"""A project and its edits from a number: the same number, the same case.

Left out, as `dvc repro` does by accident what nobody should want:
- Outputs of a dropped `foreach` item stay on disk and are read by whoever depends on their
  folder: the plain clone is cleaned of them (see plain.py).
- Outputs of frozen stages are not deleted: DVC fails on them. Nor are outputs that persist: on a
  laptop they are nowhere that the person would delete them.
- Stages whose outputs persist do not fail: what a failed attempt has written into one counts for
  nothing here, where `dvc repro` goes on from it.
- Commands have no two blanks in a row: where dvc.lock folds a long one, DVC reads one of them back
  and runs the stage each time.
- What a colleague pushes has ended well.
- Stages read nothing that they do not declare, and write nothing else.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from random import Random

from differential.project import KEPT, OUT, Out, Project, Source, Stage
from differential.steps import Case, Step

MODEL = f"{OUT}/model.txt"
ITEMS = ("ant", "bee", "cat")

Edit = Callable[[Random, Project], Step | None]


def generate(seed: int, edits: int = 2) -> Case:
    """The case of ``seed``: a first run, ``edits`` edits, one run after each.

    DVC takes some 50 ms for each stage and run, most of it to write dvc.lock: few stages, few runs.
    """
    random = Random(seed)
    project = _project(random)
    steps = [Step("first run", project, dvc_add=_tracked(project), commit=True)]
    history = [project]
    while len(steps) <= edits:
        step = _edit(random, steps, history)
        if step is not None:
            steps.append(step)
            history.append(step.project)
    return Case(seed, tuple(steps), model=random.random() < 0.75)


def _tracked(project: Project) -> tuple[str, ...]:
    return tuple(source.path for source in project.sources if source.dvc)


def _project(random: Random) -> Project:
    sources = tuple(_sources(random))
    params = {"a": random.randint(1, 9), "b": random.randint(1, 9), "word": "alpha"}
    params["items"] = list(ITEMS[: random.randint(1, 2)])
    names = {"width": random.randint(1, 9)} if random.random() < 0.4 else {}
    stages: list[Stage] = []
    for number in range(random.choice([1, 2, 2])):
        stages.append(_stage(random, f"s{number}", sources, stages, bool(names)))
    last = Stage(
        "train",
        deps=(_readable(random, sources, stages),),
        outs=(Out(MODEL), Out(f"{KEPT}/score.json", metric=True)),
        params=("a",) if random.random() < 0.5 else (),
    )
    return Project((*stages, last), sources, params, names)


def _sources(random: Random) -> Iterator[Source]:
    yield Source("raw/git.txt", {"": "1\n2\n"})
    if random.random() < 0.7:
        yield Source("raw/table.csv", {"": "x\n1\n"}, dvc=True)
    if random.random() < 0.5:
        yield Source("images", {"one.txt": "1\n", "two.txt": "2\n"}, dvc=random.random() < 0.7)


def _stage(
    random: Random, name: str, sources: tuple[Source, ...], before: list[Stage], names: bool
) -> Stage:
    deps = {_readable(random, sources, before) for _ in range(random.randint(1, 2))}
    each = random.random() < 0.35
    place = f"{name}/*" if each else name
    outs = [Out(f"{OUT}/{place}.txt")]
    if random.random() < 0.4:
        outs.append(Out(f"{OUT}/{place}.folder", folder=True))
    if random.random() < 0.25:
        outs.append(Out(f"{KEPT}/{place}.txt"))
    if random.random() < 0.15:
        outs[0] = replace(outs[0], persist=True)
    script = random.random() < 0.3
    template = random.choice(["word", "width"] if names else ["word"])
    return Stage(
        name,
        deps=tuple(sorted(deps)),
        outs=tuple(outs),
        params=tuple(sorted(random.sample(["a", "b"], random.randint(0, 2)))),
        template=template if not script and random.random() < 0.4 else None,
        foreach="items" if each else None,
        matrix=each and random.random() < 0.25,
        script=script,
        always=random.random() < 0.08,
    )


def _readable(random: Random, sources: tuple[Source, ...], before: list[Stage]) -> str:
    """A path to depend on: a source, an output, a file in a folder, a folder of outputs."""
    paths = [source.path for source in sources]
    for stage in before:
        if stage.foreach is not None:
            paths += [f"{OUT}/{stage.name}"] * 2
            continue
        for out in stage.outs:
            paths += [out.path] * 2
            if out.folder:
                paths.append(f"{out.path}/first.txt")
    return random.choice(paths)


def _edit(random: Random, steps: list[Step], history: list[Project]) -> Step | None:
    project = steps[-1].project
    if _fails(project):
        stages = tuple(replace(stage, broken=False) for stage in project.stages)
        return Step("repair the failing stage", replace(project, stages=stages))
    if len(history) > 2 and random.random() < 0.15:
        return _revert(random, project, history)
    step = random.choice(EDITS)(random, project)
    return replace(step, commit=random.random() < 0.5) if step else None


def _fails(project: Project) -> bool:
    return any(stage.broken for stage in project.stages)


def _revert(random: Random, project: Project, history: list[Project]) -> Step | None:
    earlier = random.choice(history[:-1])
    if _fails(earlier) or earlier == project:
        return None
    return Step("revert to an earlier state", earlier, dvc_add=_tracked(earlier), commit=True)


def _nothing(_random: Random, project: Project) -> Step:
    return Step("nothing", project)


def _change_param(random: Random, project: Project) -> Step:
    key = random.choice(["a", "b", "word"])
    value = "beta" if key == "word" else random.randint(10, 99)
    return Step(f"{key} = {value}", replace(project, params={**project.params, key: value}))


def _change_vars(random: Random, project: Project) -> Step | None:
    if not project.vars:
        return None
    value = random.randint(10, 99)
    return Step(f"vars.yaml: width = {value}", replace(project, vars={"width": value}))


def _change_items(random: Random, project: Project) -> Step | None:
    if not any(stage.foreach for stage in project.stages):
        return None
    items = sorted(random.sample(ITEMS, random.randint(1, len(ITEMS))))
    if items == project.params["items"]:
        return None
    return Step(f"items = {items}", replace(project, params={**project.params, "items": items}))


def _change_code(random: Random, project: Project) -> Step:
    stage = random.choice(project.stages)
    changed = replace(stage, salt=str(random.randint(1, 999)))
    return Step(f"other code in {stage.name}", project.with_stage(changed))


def _change_data(random: Random, project: Project) -> Step:
    source = random.choice(project.sources)
    files = dict(source.files)
    name = random.choice(sorted(files))
    what = "edit"
    if source.is_folder and random.random() < 0.5:
        what, files[f"new{random.randint(0, 9)}.txt"] = "new file in", "new\n"
    elif source.is_folder and len(files) > 1 and random.random() < 0.4:
        what = "a file less in"
        del files[name]
    else:
        files[name] += f"{random.randint(100, 999)}\n"
    add = source.dvc and random.random() < 0.5
    return Step(
        f"{what} {source.path}{', dvc add' if add else ''}",
        project.with_source(replace(source, files=files)),
        dvc_add=(source.path,) if add else (),
    )


def _delete_output(random: Random, project: Project) -> Step | None:
    paths = [
        path
        for stage in project.stages
        if not stage.frozen and not any(out.persist for out in stage.outs)
        for path in stage.paths(project.values)
    ]
    if not paths:
        return None
    path = random.choice(paths)
    return Step(f"delete {path}", project, deleted=(path,))


def _break(random: Random, project: Project) -> Step | None:
    running = [
        stage
        for stage in project.stages
        if not stage.frozen and not any(out.persist for out in stage.outs)
    ]
    if not running:
        return None
    stage = random.choice(running)
    broken = replace(stage, broken=True, salt=str(random.randint(1, 999)))
    return Step(f"{stage.name} fails", project.with_stage(broken))


def _freeze(random: Random, project: Project) -> Step | None:
    stages = [stage for stage in project.stages if stage.foreach is None]
    if not stages:
        return None
    stage = random.choice(stages)
    what = "unfreeze" if stage.frozen else "freeze"
    return Step(f"{what} {stage.name}", project.with_stage(replace(stage, frozen=not stage.frozen)))


def _colleague(_random: Random, project: Project) -> Step:
    return Step("a colleague pushes data and dvc.lock", project, colleague=True)


EDITS: tuple[Edit, ...] = (
    _nothing,
    *[_change_param] * 3,
    _change_vars,
    *[_change_items] * 3,
    *[_change_code] * 2,
    *[_change_data] * 4,
    *[_delete_output] * 2,
    _break,
    _freeze,
    _colleague,
)
