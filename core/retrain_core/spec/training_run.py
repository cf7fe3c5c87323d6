"""The spec of a TrainingRun."""

from typing import Annotated, Any, Literal

from pydantic import Field

from retrain_core.spec.base import (
    URL,
    Alias,
    Count,
    GitURL,
    ModelName,
    Name,
    ObjectName,
    ParameterKey,
    RelativePath,
    Revision,
    Seconds,
    SecretRef,
    Size,
    SpecModel,
    Text,
)
from retrain_core.spec.parameter import ParameterValue
from retrain_core.spec.pod import PodField
from retrain_core.spec.rules import NOT_OF_A_RUN, Rule, no_secret_over_http


class GitSource(SpecModel):
    """A git repository that holds the DVC project."""

    RULES = (
        Rule(
            "!has(self.secretRef) || !self.url.startsWith('http://')",
            "url: credentials are not sent over http: use https or ssh",
            lambda git: not (git.secret_ref and git.url.startswith("http://")),
        ),
    )

    url: GitURL
    """Where to clone from: https or ssh; http only without credentials."""
    revision: Revision = "main"
    """Branch, tag or commit; `refs/heads/NAME` or `refs/tags/NAME` where both are called alike. A
    branch is resolved once; every attempt trains that commit."""
    path: RelativePath = "."
    """Folder of the DVC project inside the repository."""
    secret_ref: SecretRef | None = None
    """Secret of type kubernetes.io/basic-auth or kubernetes.io/ssh-auth (with known_hosts)."""


class ImageSource(SpecModel):
    """The repository is already in the run's image."""

    path: Annotated[str, Field(pattern=r"^/", max_length=1024)]
    """Absolute path of the DVC project in the image."""


class Source(SpecModel):
    """Where the code comes from: exactly one of git and image."""

    RULES = (
        Rule(
            "has(self.git) != has(self.image)",
            "needs exactly one of git and image",
            lambda source: (source.git is None) != (source.image is None),
        ),
    )

    git: GitSource | None = None
    """A git repository that holds the DVC project."""
    image: ImageSource | None = None
    """The repository is already in the run's image (spec.image)."""


class Python(SpecModel):
    """The environment of the stages."""

    requirements: RelativePath
    """Requirements file, installed with uv into the user's environment."""


class Remote(SpecModel):
    """The DVC remote that data come from and artifacts go to."""

    url: URL | None = None
    """s3://BUCKET/PREFIX or a directory, which is what our images can read; on a laptop whatever
    its DVC has a plugin for. Default: the repository's remote."""
    endpoint_url: URL | None = None
    """Endpoint of an S3-compatible server, such as MinIO."""
    region: Text | None = None
    """Region of the bucket."""
    secret_ref: SecretRef | None = None
    """Secret whose keys become environment variables (AWS_ACCESS_KEY_ID, ...)."""


class Cache(SpecModel):
    """Where DVC's cache lives: a claim that stays, or a folder that ends with the pod."""

    RULES = (
        Rule(
            "!(has(self.claimName) && has(self.sizeLimit))",
            "takes one of claimName and sizeLimit",
            lambda cache: not (cache.claim_name and cache.size_limit),
        ),
    )

    claim_name: ObjectName | None = None
    """PersistentVolumeClaim of the same namespace, in which each repository has its own folder."""
    size_limit: Size | None = None
    """What the folder may hold, such as 20Gi; a pod that writes more is evicted."""


class DVC(SpecModel):
    """What of the pipeline runs, on which data, with which parameters."""

    targets: Annotated[list[Text], Field(max_length=64)] = []
    """Stages to bring up to date, with what they depend on. Default: the whole pipeline."""
    update: Annotated[list[RelativePath], Field(max_length=64)] = []
    """.dvc imports to refresh from their upstream before the run."""
    force: Annotated[list[Text], Field(max_length=64)] = []
    """Stages to run though nothing they depend on has changed."""
    params: Annotated[dict[str, ParameterValue], Field(max_length=256)] = {}
    """Overrides by full key; a value takes the type of the one it replaces."""
    remote: Remote = Remote()
    """The DVC remote that data come from and artifacts go to."""
    push: bool = True
    """Whether outputs go to the remote."""
    cache: Cache | None = None
    """Where DVC's cache lives: a claim that stays, or a folder that ends with the pod."""


class MLflow(SpecModel):
    """Where the run is recorded."""

    RULES = (no_secret_over_http("trackingURI"),)

    tracking_uri: URL | None = None
    """Address of the tracking server. Default: the operator's."""
    experiment: Text | None = None
    """Default: the model's name, else the run's."""
    secret_ref: SecretRef | None = None
    """Secret whose keys become environment variables (MLFLOW_TRACKING_USERNAME, ...)."""
    tags: Annotated[dict[ParameterKey, Text], Field(max_length=64), NOT_OF_A_RUN] = {}
    """Tags of the MLflow run."""


class Promotion(SpecModel):
    """When a new version becomes the champion."""

    RULES = (
        Rule(
            "!has(self.mode) || self.mode != 'Manual' || !has(self.alias)"
            " || self.alias != 'challenger'",
            "alias: `challenger` is what Manual sets on the candidate: name the champion otherwise",
            lambda promotion: promotion.mode != "Manual" or promotion.alias != "challenger",
        ),
    )

    metric: Annotated[str, Field(min_length=1, max_length=250)]
    """Dotted path in a metrics file; with the file in front where two collide."""
    goal: Literal["Maximize", "Minimize"] = "Maximize"
    """Whether more or less of the metric is better."""
    alias: Alias = "champion"
    """Alias of the version that serves."""
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
    """Table in the repository's folder: CSV or Parquet."""
    exclude: Annotated[list[Text], Field(max_length=512)] = []
    """Columns that are left out."""


class Model(SpecModel):
    """What is registered, and when it is promoted."""

    name: ModelName
    """The registered model's name in MLflow."""
    artifact: Text | None = None
    """A path, also inside an output that is a folder, or a name under `artifacts:` in dvc.yaml.
    Default: the only artifact of type model, else the only output that is called a model or has
    a model's format."""
    profile: Profile | None = None
    """The data whose profile later drift is judged against."""
    promotion: Promotion | None = None
    """When a new version becomes the champion. Absent: it is registered only."""


class Smoke(SpecModel):
    """What `retrain run --smoke` changes."""

    params: Annotated[dict[str, ParameterValue], Field(max_length=256)] = {}
    """Overrides by full key, after those of dvc.params."""
    inputs: Annotated[dict[RelativePath, RelativePath], Field(max_length=64)] = {}
    """Input -> file or folder in the repository that takes its place."""


class TrainingRunSpec(SpecModel):
    """One training: code, data and parameters in; a recorded, registered model out."""

    source: Source
    """Where the code comes from: exactly one of git and image."""
    image: Text | None = None
    """Image of the stages. Default: the operator's configured trainer image."""
    python: Python | None = None
    """The environment of the stages. Absent: that of the image."""
    dvc: DVC = DVC()
    """What of the pipeline runs, on which data, with which parameters."""
    mlflow: MLflow = MLflow()
    """Where the run is recorded."""
    model: Model | None = None
    """What is registered, and when it is promoted. Absent: nothing is registered."""
    smoke: Smoke = Smoke()
    """What `retrain run --smoke` changes."""
    pod: Annotated[dict[str, Any], PodField()] = {}
    """The pod that trains: fields of Kubernetes' own, an allowlist of them."""
    queue_name: Name | None = None
    """Kueue's LocalQueue."""
    retries: Annotated[int, Field(ge=0, le=10)] = 2
    """Further attempts after a failure of the infrastructure, such as a lost node."""
    outage_tolerance_seconds: Count = 900
    """How long git, the store, the tracking server or the package index may be away, at any step,
    before the run fails; `retries` are not for that. Until then it waits and loses nothing;
    the log tells of it, and the status once the run has ended. A laptop waits for seconds only."""
    timeout_seconds: Seconds | None = None
    """How long all attempts may take together, from the first pod on; after Kueue has preempted the
    run, anew."""
    start_timeout_seconds: Seconds | None = None
    """How long the run may wait until its first pod starts; counts while it has a Job. Without it
    room is waited for without end, and for 30 minutes what somebody has to put right: an image
    that cannot be pulled, a Secret or claim that is not there."""
    ttl_seconds_after_finished: Count | None = None
    """Deletes the TrainingRun that long after it ended. Can be changed."""
    suspend: bool = False
    """Stops the run, or keeps it from starting, until it is false again. Can be changed."""
    cancel: bool = False
    """Stops the run for good and keeps its record. Can be set at any time, and stays."""


MUTABLE = ("suspend", "cancel", "ttl_seconds_after_finished")
"""What can be changed of a TrainingRun that exists."""
