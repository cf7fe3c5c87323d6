"""Both CustomResourceDefinitions as dicts: names, versions, printer columns, schemas."""

from collections.abc import Callable
from typing import Any

from pydantic import BaseModel

from retrain_core.crd.status import RetrainScheduleStatus, TrainingRunStatus
from retrain_core.crd.structural import Schema, structural_schema
from retrain_core.spec.base import GROUP, VERSION, SpecModel, api_name
from retrain_core.spec.manifest import RetrainSchedule, TrainingRun
from retrain_core.spec.retrain_schedule import RetrainScheduleSpec
from retrain_core.spec.rules import CANCELLED_FOR_GOOD, DNS_NAME, Rule, immutable, with_rules
from retrain_core.spec.training_run import MUTABLE, TrainingRunSpec

CATEGORY = "retrain"

Definition = dict[str, Any]
Column = dict[str, Any]


def _column(name: str, path: str, description: str, type_: str = "string") -> Column:
    return {"name": name, "type": type_, "jsonPath": path, "description": description}


def _wide(name: str, path: str, description: str, type_: str = "string") -> Column:
    """Printed with `-o wide` only."""
    return {**_column(name, path, description, type_), "priority": 1}


AGE = _column("Age", ".metadata.creationTimestamp", "Since when it exists.", "date")

TRAINING_RUN_COLUMNS = [
    _column(
        "Status",
        '.status.conditions[?(@.type=="Succeeded")].reason',
        "What the run does, or how it ended.",
    ),
    _column("Model", ".spec.model.name", "The registered model."),
    _column("Version", ".status.model.version", "The version that was registered."),
    _column(
        "Promoted",
        ".status.model.promoted",
        "Whether it was the champion when the run had ended.",
        "boolean",
    ),
    AGE,
    _wide("Attempts", ".status.attempts", "How many pods have been started.", "integer"),
    _wide("Started", ".status.startTime", "When the Job started.", "date"),
    _wide("Finished", ".status.completionTime", "When the run ended.", "date"),
    _wide("Commit", ".status.commit", "The commit that is trained."),
    _wide("MLflow run", ".status.mlflow.runID", "The MLflow run."),
    _wide(
        "Message",
        '.status.conditions[?(@.type=="Succeeded")].message',
        "Why the run stands as it does.",
    ),
]

RETRAIN_SCHEDULE_COLUMNS = [
    _column(
        "Status",
        '.status.conditions[?(@.type=="Ready")].reason',
        "Waiting for its triggers, Suspended, or what a person must put right.",
    ),
    _column("Last", ".status.lastRun.startTime", "When the last run started.", "date"),
    _column("Trigger", ".status.lastRun.trigger", "What started the last run."),
    _column("Result", ".status.lastRun.reason", "What came of the last run."),
    _column("Next", ".status.nextScheduleTime", "When the clock starts the next run."),
    _column("Champion", ".status.championVersion", "The model version that serves."),
    AGE,
    _wide(
        "Checked",
        '.status.conditions[?(@.type=="Checked")].reason',
        "Whether the other triggers could be looked at.",
    ),
    _wide("Promotion", ".status.lastRun.promotion", "What became of the last run's model."),
    _wide("Last run", ".status.lastRun.name", "The run that started last."),
    _wide("Last success", ".status.lastSuccessfulRun.name", "The last run that ended well."),
    _wide(
        "Message",
        '.status.conditions[?(@.type=="Ready")].message',
        "Why the schedule stands as it does.",
    ),
]


def training_run_crd() -> Definition:
    """The CustomResourceDefinition of TrainingRun."""
    return _definition(
        kind="TrainingRun",
        short="trun",
        columns=TRAINING_RUN_COLUMNS,
        model=TrainingRun,
        spec=with_rules(structural_schema(TrainingRunSpec), [_immutable(), CANCELLED_FOR_GOOD]),
        status=TrainingRunStatus,
    )


def retrain_schedule_crd() -> Definition:
    """The CustomResourceDefinition of RetrainSchedule."""
    return _definition(
        kind="RetrainSchedule",
        short="rsched",
        columns=RETRAIN_SCHEDULE_COLUMNS,
        model=RetrainSchedule,
        spec=structural_schema(RetrainScheduleSpec),
        status=RetrainScheduleStatus,
    )


DEFINITIONS: tuple[Callable[[], Definition], ...] = (training_run_crd, retrain_schedule_crd)


def _immutable() -> Rule:
    # At the level of spec: a rule on an optional field is skipped when the field comes or goes.
    fixed = [field for field in TrainingRunSpec.model_fields if field not in MUTABLE]
    return immutable(
        [api_name(field) for field in fixed], [api_name(field) for field in MUTABLE], "TrainingRun"
    )


def _definition(
    kind: str,
    short: str,
    columns: list[Column],
    model: type[SpecModel],
    spec: Schema,
    status: type[BaseModel],
) -> Definition:
    singular = kind.lower()
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{singular}s.{GROUP}"},
        "spec": {
            "group": GROUP,
            "names": {
                "kind": kind,
                "listKind": f"{kind}List",
                "plural": f"{singular}s",
                "singular": singular,
                "shortNames": [short],
                "categories": [CATEGORY],
            },
            "scope": "Namespaced",
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": columns,
                    "schema": {"openAPIV3Schema": _root(model, spec, structural_schema(status))},
                }
            ],
        },
    }


def _root(model: type[SpecModel], spec: Schema, status: Schema) -> Schema:
    text = {"type": "string", "maxLength": 256}
    root = {
        "type": "object",
        "description": " ".join((model.__doc__ or "").split()),
        "required": ["spec"],
        "properties": {
            "apiVersion": {**text, "description": "Group and version of this object's schema."},
            "kind": {**text, "description": "What this object is."},
            "metadata": {"type": "object"},
            "spec": spec,
            "status": status,
        },
    }
    return with_rules(root, [DNS_NAME, *model.RULES])
