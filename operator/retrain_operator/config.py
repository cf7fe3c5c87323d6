"""The operator's configuration: a YAML file, checked before anything starts."""

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, ValidationError

from retrain_core.build.job import TrainerSettings
from retrain_core.defaults import DefaultsError, check_defaults, problems_of
from retrain_core.spec.base import Name, SpecModel, Text


class ConfigError(Exception):
    """The configuration cannot be used; the message says why."""


class Config(SpecModel):
    """What the operator is told, with field names as in a spec."""

    trainer_image: Text
    """Image of `source`, and of `train` where a run names none."""
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] = "IfNotPresent"
    namespaces: list[Name] = []
    """Watched namespaces; empty: the whole cluster."""
    defaults: dict[str, Any] = {}
    """A partial TrainingRun spec, for what manifests need not repeat."""
    job_ttl_seconds: Annotated[int, Field(alias="jobTTLSeconds", ge=0, le=2_147_483_647)] = 86400
    """How long a Job and its pods, with their logs, stay after the outcome is stored."""
    resync_seconds: Annotated[int, Field(ge=10, le=86400)] = 600
    """Period of the full listing that finds what the watch has missed."""
    workers: Annotated[int, Field(ge=1, le=200)] = 16
    """TrainingRuns looked at at once."""
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    """Of /healthz, /readyz and /metrics."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @property
    def trainer(self) -> TrainerSettings:
        return TrainerSettings(self.trainer_image, self.image_pull_policy)


def load_config(path: Path) -> Config:
    """The configuration in ``path``.

    Raises:
        ConfigError: the file cannot be read, or a field is wrong.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict):
            raise ConfigError(f"{path}: must be fields and their values, trainerImage at least")
        config = Config.model_validate(content)
        check_defaults(config.defaults)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: broken YAML: {_where(error)}") from None
    except ValidationError as error:
        raise ConfigError(f"{path}: {problems_of(error)}") from None
    except (DefaultsError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from None
    return config


def _where(error: yaml.YAMLError) -> str:
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
    what = problem or str(error)
    return f"line {mark.line + 1}: {what}" if mark else what
