"""The spec of a TrainingRun."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, JsonValue, model_validator

from retrain_core.spec.base import (
    URL,
    Alias,
    GitURL,
    ModelName,
    Name,
    ObjectName,
    ParameterKey,
    RelativePath,
    Revision,
    Seconds,
    SecretRef,
    SpecModel,
    Text,
)


class GitSource(SpecModel):
    """A git repository that holds the DVC project."""

    url: GitURL
    """Where to clone from: https or ssh; http only without credentials."""
    revision: Revision = "main"
    """Branch, tag or commit. A branch is resolved once; every attempt trains that commit."""
    path: RelativePath = "."
    """Folder of the DVC project inside the repository."""
    secret_ref: SecretRef | None = None
    """Secret of type kubernetes.io/basic-auth or kubernetes.io/ssh-auth (with known_hosts)."""

    @model_validator(mode="after")
    def _no_credentials_in_the_clear(self) -> Self:
        if self.secret_ref and self.url.startswith("http://"):
            raise ValueError("url: credentials are not sent over http: use https or ssh")
        return self


class ImageSource(SpecModel):
    """The repository is already in the run's image."""

    path: Annotated[str, Field(pattern=r"^/", max_length=1024)]
    """Absolute path of the DVC project in the image."""


class Source(SpecModel):
    """Where the code comes from: exactly one of git and image."""

    git: GitSource | None = None
    image: ImageSource | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.git is None) == (self.image is None):
            raise ValueError("needs exactly one of git and image")
        return self


class Python(SpecModel):
    """The environment of the stages."""

    requirements: RelativePath
    """Requirements file, installed with uv into the user's environment."""


class Remote(SpecModel):
    """The DVC remote that data come from and artifacts go to."""

    url: URL | None = None
    """s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or a directory. Default: the repository's remote."""
    endpoint_url: URL | None = None
    """Endpoint of an S3-compatible server, such as MinIO."""
    region: Text | None = None
    secret_ref: SecretRef | None = None
    """Secret whose keys become environment variables (AWS_ACCESS_KEY_ID, ...)."""


class Cache(SpecModel):
    """Where DVC's cache lives: a claim that stays, or a folder that ends with the pod."""

    claim_name: ObjectName | None = None
    size_limit: Text | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if self.claim_name and self.size_limit:
            raise ValueError("takes one of claimName and sizeLimit")
        return self


class DVC(SpecModel):
    """What of the pipeline runs, on which data, with which parameters."""

    targets: Annotated[list[Text], Field(max_length=64)] = []
    """Stages to bring up to date, with what they depend on. Default: the whole pipeline."""
    update: Annotated[list[RelativePath], Field(max_length=64)] = []
    """.dvc imports to refresh from their upstream before the run."""
    force: Annotated[list[Text], Field(max_length=64)] = []
    """Stages to run though nothing they depend on has changed."""
    params: Annotated[dict[ParameterKey, JsonValue], Field(max_length=256)] = {}
    """Overrides by full key; a value takes the type of the one it replaces."""
    remote: Remote = Remote()
    push: bool = True
    """Whether outputs go to the remote."""
    cache: Cache | None = None


class MLflow(SpecModel):
    """Where the run is recorded."""

    tracking_uri: URL | None = None
    experiment: Text | None = None
    """Default: the model's name, else the run's."""
    secret_ref: SecretRef | None = None
    """Secret whose keys become environment variables (MLFLOW_TRACKING_USERNAME, ...)."""
    tags: Annotated[dict[ParameterKey, Text], Field(max_length=64)] = {}


class Promotion(SpecModel):
    """When a new version becomes the champion."""

    metric: Annotated[str, Field(min_length=1, max_length=250)]
    """Dotted path in a metrics file; with the file in front where two collide."""
    goal: Literal["Maximize", "Minimize"] = "Maximize"
    alias: Alias = "champion"
    mode: Literal["Automatic", "Manual"] = "Automatic"
    """Manual sets the alias `challenger` on a better version and leaves the rest to a person."""
    min_improvement: Annotated[float, Field(ge=0)] = 0.0
    """By how much the champion must be beaten, in the metric's unit."""
    threshold: float | None = None
    """What a version must reach at all, the first champion too."""
    evaluate_champion: Literal["WhenDataChanged", "Always", "Never"] = "WhenDataChanged"
    """Never compares the recorded numbers even where the evaluation data differ."""


class Profile(SpecModel):
    """The data whose profile later drift is judged against."""

    path: RelativePath
    exclude: Annotated[list[Text], Field(max_length=512)] = []


class Model(SpecModel):
    """What is registered, and when it is promoted."""

    name: ModelName
    artifact: Text | None = None
    """A path, or a name under `artifacts:` in dvc.yaml."""
    profile: Profile | None = None
    promotion: Promotion | None = None


class Smoke(SpecModel):
    """What `retrain run --smoke` changes."""

    params: Annotated[dict[ParameterKey, JsonValue], Field(max_length=256)] = {}
    inputs: Annotated[dict[RelativePath, RelativePath], Field(max_length=64)] = {}
    """Input -> file in the repository that takes its place."""


class TrainingRunSpec(SpecModel):
    """One training: code, data and parameters in; a recorded, registered model out."""

    source: Source
    image: Text | None = None
    """Image of the stages. Default: the operator's configured trainer image."""
    python: Python | None = None
    dvc: DVC = DVC()
    mlflow: MLflow = MLflow()
    model: Model | None = None
    """Absent: nothing is registered."""
    smoke: Smoke = Smoke()
    pod: dict[str, Any] = {}
    """A typed allowlist of the pod's fields."""
    queue_name: Name | None = None
    """Kueue's LocalQueue."""
    retries: Annotated[int, Field(ge=0, le=10)] = 2
    """For infrastructure failures only."""
    timeout_seconds: Seconds | None = None
    start_timeout_seconds: Seconds | None = None
    ttl_seconds_after_finished: Annotated[int, Field(ge=0, le=2_147_483_647)] | None = None
    """Deletes the TrainingRun that long after it ended."""
    suspend: bool = False
    cancel: bool = False
