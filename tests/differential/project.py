"""A small DVC project as data: what it holds now, and the files that say so."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

OUT = "out"
"""Folder of cached outputs, ignored by git as a whole: DVC then writes no .gitignore beside
outputs, which would be part of every folder that a stage depends on."""
KEPT = "kept"
"""Folder of outputs with `cache: false`, for git to keep."""


@dataclass(frozen=True)
class Source:
    """An input that no stage makes: a file, or a folder of files."""

    path: str
    files: Mapping[str, str]
    """Content by name; a file has the one name ``""``."""
    dvc: bool = False
    """Whether DVC tracks it, instead of git."""

    @property
    def is_folder(self) -> bool:
        return "" not in self.files


@dataclass(frozen=True)
class Out:
    """An output of a stage; ``path`` may hold the place of a `foreach` item."""

    path: str
    folder: bool = False
    persist: bool = False
    metric: bool = False

    @property
    def cached(self) -> bool:
        return self.path.startswith(f"{OUT}/")


@dataclass(frozen=True)
class Stage:
    """One entry of dvc.yaml."""

    name: str
    deps: tuple[str, ...]
    outs: tuple[Out, ...]
    salt: str = "0"
    """Part of the command: another one is other code."""
    params: tuple[str, ...] = ()
    template: str | None = None
    """Key whose value is a part of the command: `${key}`."""
    foreach: str | None = None
    """Key of the list that the stage is made for."""
    matrix: bool = False
    script: bool = False
    """Whether the code is a file that the stage depends on."""
    frozen: bool = False
    always: bool = False
    broken: bool = False

    def items(self, values: Mapping[str, Any]) -> tuple[str, ...]:
        """What the stage is made for: one empty name where it is a plain stage."""
        if self.foreach is None:
            return ("",)
        items = [str(item) for item in values[self.foreach]]
        if not self.matrix:
            return tuple(items)
        return tuple(f"{item}-{size}" for item, size in product(items, ("s", "l")))

    def paths(self, values: Mapping[str, Any]) -> Iterator[str]:
        """The outputs as they are called once templates are resolved."""
        for item in self.items(values):
            for out in self.outs:
                yield out.path.replace("*", item)


@dataclass(frozen=True)
class Project:
    """Everything that the person has written."""

    stages: tuple[Stage, ...]
    sources: tuple[Source, ...]
    params: Mapping[str, Any]
    vars: Mapping[str, Any] = field(default_factory=dict)

    @property
    def values(self) -> dict[str, Any]:
        return {**self.params, **self.vars}

    def with_stage(self, stage: Stage) -> "Project":
        stages = tuple(stage if old.name == stage.name else old for old in self.stages)
        return replace(self, stages=stages)

    def with_source(self, source: Source) -> "Project":
        sources = tuple(source if old.path == source.path else old for old in self.sources)
        return replace(self, sources=sources)

    def outputs(self) -> list[str]:
        """Every output's path, sorted."""
        return sorted(path for stage in self.stages for path in stage.paths(self.values))

    def files(self) -> dict[str, str]:
        """Path -> content of everything that the person keeps in git."""
        files = {
            "dvc.yaml": dvc_yaml(self),
            "params.yaml": as_yaml(self.params),
            ".gitignore": f"/{OUT}\n"
            + "".join(f"/{source.path}\n" for source in self.sources if source.dvc),
        }
        if self.vars:
            files["vars.yaml"] = as_yaml(self.vars)
        for stage in self.stages:
            if stage.script:
                files[f"src/{stage.name}.sh"] = _program(stage)
        return files | self.data(dvc=False)

    def data(self, *, dvc: bool) -> dict[str, str]:
        """Path -> content of the sources that DVC, or git, tracks."""
        return {
            f"{source.path}/{name}" if name else source.path: content
            for source in self.sources
            if source.dvc is dvc
            for name, content in source.files.items()
        }


def as_yaml(values: Any) -> str:
    """``values`` a key a line, so that a stage can read a value with `grep`."""
    return "".join(f"{key}: {json.dumps(value)}\n" for key, value in values.items())


def dvc_yaml(project: Project) -> str:
    """The pipeline as its team writes it."""
    lines = ["vars: [vars.yaml]\n"] if project.vars else []
    lines.append("stages:\n")
    for stage in project.stages:
        lines.extend(_entry(stage))
    return "".join(lines)


def _entry(stage: Stage) -> Iterator[str]:
    yield f"  {stage.name}:\n"
    indent = "    "
    item = ""
    if stage.foreach and stage.matrix:
        item = "${item.name}-${item.size}"
        yield f"    matrix: {{name: '${{{stage.foreach}}}', size: [s, l]}}\n"
    elif stage.foreach:
        item = "${item}"
        yield f"    foreach: ${{{stage.foreach}}}\n    do:\n"
        indent = "      "
    cmd = f"sh src/{stage.name}.sh {item}".rstrip() if stage.script else _program(stage)
    yield f"{indent}cmd: {json.dumps(cmd.replace('*', item))}\n"
    deps = [*stage.deps, *([f"src/{stage.name}.sh"] if stage.script else [])]
    yield f"{indent}deps: {json.dumps(deps)}\n"
    if stage.params:
        yield f"{indent}params: {json.dumps(list(stage.params))}\n"
    for kind, outs in (
        ("outs", [out for out in stage.outs if not out.metric]),
        ("metrics", [out for out in stage.outs if out.metric]),
    ):
        if outs:
            yield f"{indent}{kind}:\n"
        for out in outs:
            yield f"{indent}- {out.path.replace('*', item)}:\n"
            yield f"{indent}    cache: {json.dumps(out.cached)}\n"
            if out.persist:
                yield f"{indent}    persist: true\n"
    for name in ("frozen", "always_changed"):
        if stage.frozen if name == "frozen" else stage.always:
            yield f"{indent}{name}: true\n"


def _program(stage: Stage) -> str:
    """Shell that writes what it has read: names, sizes and sums of every file below its deps."""
    item = "$1" if stage.script else "*"
    read = [f"find {dep} -type f" for dep in stage.deps]
    template = f"${{{stage.template}}}" if stage.template and not stage.script else ""
    seen = " ".join(filter(None, (stage.name, str(stage.salt), template, item)))
    parts = [f"seen=$( ({'; '.join(read)}) | LC_ALL=C sort | xargs cksum; echo {seen}"]
    if stage.params:
        parts[0] += f"; grep -E '^({'|'.join(stage.params)}):' params.yaml"
    parts[0] += ")"
    parts.extend(_write(out, out.path.replace("*", item)) for out in stage.outs)
    if stage.broken:
        parts.append("exit 3")
    return " && ".join(parts)


def _write(out: Out, path: str) -> str:
    folder = path if out.folder else path.rsplit("/", 1)[0]
    made = f"mkdir -p {folder}"
    if out.metric:
        return f'{made} && echo "{{\\"sum\\": $(echo "$seen" | cksum | cut -d" " -f1)}}" > {path}'
    if out.folder:
        return (
            f'{made} && echo "$seen" > {path}/all.txt'
            f' && echo "$seen" | head -n 1 > {path}/first.txt'
        )
    return f'{made} && echo "$seen" {">>" if out.persist else ">"} {path}'
