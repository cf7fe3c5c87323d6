"""`retrain submit`: a TrainingRun created on a cluster, and waited for."""

import json
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from retrain_cli.manifest import read_manifest
from retrain_cli.printable import as_json, as_yaml, print_failure
from retrain_core.outcome import Reason, RunFailed
from retrain_core.spec import GROUP, ManifestError, parse_training_run

if TYPE_CHECKING:
    from retrain_cli.cluster.client import Cluster

MAX_GENERATE_NAME = 58
"""The API server puts five characters behind it."""
TIMED_OUT = 124
"""Exit code where --timeout is over, that of timeout(1)."""
STOPPED_WAITING = 130
"""Exit code after Ctrl-C, that of shells; the run goes on."""


@dataclass(frozen=True)
class Options:
    """What was typed."""

    filename: Path
    namespace: str | None
    context: str | None
    kubeconfig: Path | None
    overrides: tuple[str, ...]
    revision: str | None
    name: str | None
    generate_name: bool
    wait: bool
    timeout: float | None
    cancel_on_interrupt: bool
    output: str | None
    quiet: bool


def submit_manifest(options: Options) -> int:
    """Carry out `retrain submit`; returns its exit code.

    Raises:
        ClickException: the cluster cannot be used.
    """
    try:
        return _submit(options)
    except RunFailed as failure:
        return print_failure(failure)


def _submit(options: Options) -> int:
    body = _body(options)
    # It takes a second to import: a wrong manifest is told before.
    from retrain_cli.cluster.client import connect

    cluster = connect(options.kubeconfig, options.context)
    namespace = _namespace(options, body) or cluster.namespace
    run = cluster.create(namespace, body)
    if options.output in (None, "name"):
        done = "" if options.output else " created"
        print(f"trainingrun.{GROUP}/{run['metadata']['name']}{done}", flush=True)
    if not options.wait:
        _print(run, options.output)
        return 0
    return _wait(cluster, run, options)


def _body(options: Options) -> dict[str, Any]:
    """The object to create: the manifest, with what was typed beside it."""
    body = read_manifest(options.filename, options.overrides).to_api()
    if options.revision is not None:
        git = body["spec"]["source"].get("git")
        if git is None:
            raise RunFailed(
                Reason.INVALID_SPEC,
                "--revision: spec.source.image has no revision to choose",
                "Leave it out, or name spec.source.git.",
            )
        git["revision"] = options.revision
    metadata = body["metadata"]
    if options.name is not None:
        metadata.pop("generateName", None)
        metadata["name"] = options.name
    elif options.generate_name and (name := metadata.pop("name", None)):
        metadata["generateName"] = f"{name[: MAX_GENERATE_NAME - 1]}-"
    try:
        # Once more: what was typed is held to the same rules.
        parse_training_run(json.dumps(body))
    except ManifestError as error:
        problems = "\n".join(f"{problem.path}: {problem.message}" for problem in error.problems)
        raise RunFailed(Reason.INVALID_SPEC, problems) from None
    return body


def _namespace(options: Options, body: dict[str, Any]) -> str | None:
    """The namespace that was named; None: the context's."""
    named: str | None = body["metadata"].get("namespace")
    if options.namespace and named and options.namespace != named:
        raise RunFailed(
            Reason.INVALID_SPEC,
            f"metadata.namespace is {named}, and --namespace {options.namespace}",
            "Leave one of them out.",
        )
    return options.namespace or named


def _wait(cluster: "Cluster", run: dict[str, Any], options: Options) -> int:
    from retrain_cli.cluster.ending import print_ending, write_step_summary
    from retrain_cli.cluster.follower import Follower
    from retrain_cli.cluster.waiting import TimedOut, Waiting
    from retrain_cli.progress import ConsoleReporter

    name, namespace = run["metadata"]["name"], run["metadata"]["namespace"]
    reporter = ConsoleReporter(sys.stderr, verbose=not options.quiet)
    follower = Follower(cluster, namespace, name)
    follower.start()
    waiting = Waiting(run, follower, reporter, options.timeout)
    try:
        with _sigterm_as_ctrl_c():
            try:
                standing = waiting.to_end()
            except KeyboardInterrupt:
                if not options.cancel_on_interrupt:
                    raise
                cluster.cancel(namespace, name)
                reporter.note("cancelling; once more to stop waiting for it")
                standing = waiting.to_end()
    except KeyboardInterrupt:
        reporter.close()
        print(_goes_on(name, namespace), file=sys.stderr)
        return STOPPED_WAITING
    except TimedOut:
        reporter.close()
        print(
            f"not ended after {options.timeout:g} s. {_goes_on(name, namespace)}", file=sys.stderr
        )
        return TIMED_OUT
    finally:
        reporter.close()
        follower.close()
    print_ending(sys.stderr, waiting.run, standing)
    write_step_summary(waiting.run, standing)
    _print(waiting.run, options.output)
    return standing.exit_code


def _goes_on(name: str, namespace: str) -> str:
    return (
        f"{name} goes on. Look at it:  kubectl get trun {name} -n {namespace}\n"
        f"Cancel it:  kubectl patch trun {name} -n {namespace} --type=merge"
        """ -p '{"spec":{"cancel":true}}'"""
    )


@contextmanager
def _sigterm_as_ctrl_c() -> Iterator[None]:
    """CI services end a step by SIGINT or SIGTERM."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    kept = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, kept)


def _print(run: dict[str, Any], form: str | None, stream: TextIO = sys.stdout) -> None:
    shown = {**run, "metadata": {k: v for k, v in run["metadata"].items() if k != "managedFields"}}
    if form == "json":
        click.echo(as_json(shown), file=stream, nl=False)
    elif form == "yaml":
        click.echo(as_yaml(shown), file=stream, nl=False)
