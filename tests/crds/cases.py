"""For each CEL rule values that it accepts and values that it refuses."""

from dataclasses import dataclass
from typing import Any

from crds.files import RUN_IN_SCHEDULE
from retrain_core.spec import rules
from retrain_core.spec.pod import RULES as POD
from retrain_core.spec.retrain_schedule import Metric, Prometheus, RunTemplate, Trigger
from retrain_core.spec.training_run import Cache, GitSource, MLflow, Promotion, Source


@dataclass(frozen=True)
class Case:
    """A rule, by where it stands and what it says."""

    path: str
    message: str
    good: list[Any]
    bad: list[Any]


SECRETS = ["https://user:pass@h/p", "https://token@h/p", "S3://key:pass@bucket", " http://u@h/p"]
OPTIONS = ["--upload-pack=x", "https://h/a\nb", "https://h/\x00", "https://h/\x7f"]
OUTSIDE = ["/etc/passwd", "..", "../x", "a/../../x", "a/.."]
INSIDE = [".", "a/b.csv", "..a", "a..b/c", "data/ä.csv"]


def url(path: str, *good: str) -> list[Case]:
    good = ("s3://bucket/a@b", "https://h:9000/?q=a@b", "ssh://git@h/p", "/mnt/my data", *good)
    return [
        Case(path, rules.NO_CREDENTIALS.message, [*good], SECRETS),
        Case(path, rules.NO_OPTION.message, [*good], OPTIONS),
    ]


def over_http(path: str, rule: rules.Rule, field: str, **rest: str) -> Case:
    """A part with a Secret, and an address in ``field``."""
    secret = {"secretRef": {"name": "s"}, **rest}
    near = ["http://h", "http://h:1/p", "http://a.b.svc", "http://a.b.svc.cluster.local:80/?q"]
    near += ["http://localhost", "http://127.0.0.1:5000", "http://[::1]:5000", "https://h.example"]
    far = ["http://h.example", "HTTP://h.example/p", "http://10.0.0.1", "http://134744072"]
    far += [
        "http://a.b",
        "http://a.svc.example",
        "http://127.0.0.1.example",
        "http://a.example/.svc",
    ]
    return Case(
        path,
        rule.message,
        [{field: far[0], **rest}, *({field: one, **secret} for one in near)],
        [{field: one, **secret} for one in far],
    )


def relative(path: str) -> list[Case]:
    return [
        Case(path, rules.INSIDE.message, INSIDE, OUTSIDE),
        Case(path, rules.NO_OPTION.message, INSIDE, ["-x", "a\n", "a\x1bb"]),
    ]


def sizes(path: str, longest: int, value: str) -> Case:
    return Case(
        path,
        f"keys have from 1 to {longest} characters",
        [{"k" * longest: value}, {"k": value}, {}],
        [{"": value}, {"k" * (longest + 1): value}],
    )


def keys(path: str, message: str, good: list[str], bad: list[str]) -> Case:
    return Case(path, message, [{key: "x"} for key in good], [{key: "x"} for key in bad])


LABELS = ["a", "a-b_c.D", "example.com/a", "x" * 63, f"{'d' * 253}/{'x' * 63}"]
NO_LABELS = ["", "a b", "-a", "a-", "/a", "Example.com/a", "x" * 64, f"{'d' * 254}/x", "a/b/c", "ä"]
OURS = ["retrain.dev/run", "a.retrain.dev/x"]
RESERVED = [
    *(*OURS, "batch.kubernetes.io/job-name", "app.kubernetes.io/managed-by"),
    *("app.kubernetes.io/name", "kueue.x-k8s.io/queue-name", "job-name", "controller-uid"),
]
NOT_RESERVED = [
    *("retrain.device/x", "notretrain.dev/x", "retrain.dev", "app.kubernetes.io/part-of"),
    *("kueue.x-k8s.io/podset-required-topology", "my-job-name"),
]
GIT_URLS = [
    *("https://github.com/team/iris.git", "http://h:8443/a/b", "ssh://git@h:2222/a.git"),
    *("git@github.com:team/iris.git", "deploy.bot@h:~/iris", "https://h/ä"),
]
NO_GIT_URLS = [
    *("iris", "/srv/iris.git", "file:///srv/x", "ext::sh -c x", "git://h/p", "https://h"),
    *("https:///p", "https://h/a b", "git@-oProxyCommand:p", "git@h:-oProxyCommand", "ssh://-x/p"),
    *("ftp://h/p", "HTTPS://h/p"),
]
REVISIONS = [
    "main",
    "refs/heads/v1",
    "v1.2.3",
    "release/2026-11",
    "a+b",
    "x/@types",
    "_x",
    "0" * 40,
    "서울/ä",
]
NO_REVISIONS = [
    *("-u", "@{-1}", "HEAD~1", "v1^{}", ":/fix", "a b", "main\n", "a\x00b", "*", "$(x)", "/main"),
]
MOUNTS = POD["volumeMounts[].mountPath"]
FREE = ["/data", "/dev/shm", "/workspaces", "/opt/user", "/etc/ssl/x", "/a.b/..c", "/var/run/x"]
TAKEN = [
    *(
        "/workspace",
        "/workspace/x",
        "/tmp",
        "/tmp/x",
        "/etc/retrain",
        "/etc",
        "/opt",
        "/opt/trainer",
    ),
    *("/opt/trainer/bin", "/var", "/run", "/var/run/secrets", "/run/secrets/retrain.dev/git"),
]
CLAIM, LIMIT = {"claimName": "c"}, {"sizeLimit": "1Gi"}
VOLUME = {"name": "v", "emptyDir": {}}
GIT = {"url": "https://h/p", "secretRef": {"name": "s"}}

OF_A_RUN = [
    Case(
        "source",
        Source.RULES[0].message,
        [{"git": {"url": "https://h/p"}}, {"image": {"path": "/app"}}],
        [{}, {"git": {"url": "https://h/p"}, "image": {"path": "/app"}}],
    ),
    Case(
        "source.git",
        GitSource.RULES[0].message,
        [GIT, {"url": "http://h/p"}, {**GIT, "url": "ssh://h/p"}],
        [{**GIT, "url": "http://h/p"}],
    ),
    Case("source.git.url", rules.NO_CREDENTIALS.message, GIT_URLS, [*SECRETS, "ssh://u:p@h/p"]),
    Case("source.git.url", rules.NO_OPTION.message, GIT_URLS, OPTIONS),
    Case("source.git.url", rules.GIT_URL.message, GIT_URLS, NO_GIT_URLS),
    Case("source.git.revision", rules.REVISION.message, REVISIONS, NO_REVISIONS),
    Case("source.git.revision", rules.NO_RANGE.message, REVISIONS, ["a..b", "a...b"]),
    *relative("source.git.path"),
    *relative("python.requirements"),
    *relative("dvc.update[0]"),
    *url("dvc.remote.url"),
    *url("dvc.remote.endpointURL"),
    *url("mlflow.trackingURI"),
    over_http("mlflow", MLflow.RULES[0], "trackingURI"),
    Case("dvc.cache", Cache.RULES[0].message, [{}, CLAIM, LIMIT], [CLAIM | LIMIT]),
    sizes("mlflow.tags", 250, "x"),
    keys(
        "mlflow.tags",
        rules.NOT_OF_A_RUN.message,
        ["team", "team/retrain.dev", "retrain.device/x", "my.mlflow.x", "mlflow"],
        ["retrain.dev/commit", "retrain.dev/", "mlflow.user", "mlflow.parentRunId"],
    ),
    *relative("model.profile.path"),
    Case(
        "model.promotion",
        Promotion.RULES[0].message,
        [
            {"metric": "f1", "mode": "Manual"},
            {"metric": "f1", "mode": "Manual", "alias": "best"},
            {"metric": "f1", "alias": "challenger"},
        ],
        [{"metric": "f1", "mode": "Manual", "alias": "challenger"}],
    ),
    Case(
        "model.promotion.alias",
        rules.NOT_RESERVED.message,
        ["champion", "v1-candidate", "latest_good", "v"],
        ["latest", "LaTest", "v1", "V22"],
    ),
    sizes("smoke.inputs", 1024, "x"),
    *(
        Case(
            "smoke.inputs",
            f"keys: {case.message}",
            [{key: "x"} for key in case.good],
            [{key: "x"} for key in case.bad],
        )
        for case in relative("")
    ),
    *relative("smoke.inputs[x]"),
    Case(
        "pod",
        POD[""][0].message,
        [{}, {"volumes": [VOLUME], "volumeMounts": [{"name": "v", "mountPath": "/data"}]}],
        [
            {"volumeMounts": [{"name": "v", "mountPath": "/data"}]},
            {"volumes": [VOLUME], "volumeMounts": [{"name": "git-secret", "mountPath": "/data"}]},
        ],
    ),
    Case(
        "pod.env[0].name",
        POD["env[].name"][0].message,
        ["HOME", "MY_RETRAIN_X", "retrain_x", "RETRAIN"],
        ["RETRAIN_", "RETRAIN_JOB_UID"],
    ),
    Case(
        "pod.volumes[0].name",
        POD["volumes[].name"][0].message,
        ["data", "my-tmp"],
        ["workspace", "tmp", "spec", "git-secret", "cache"],
    ),
    Case("pod.volumeMounts[0].mountPath", MOUNTS[0].message, FREE, ["data", "./data", "C"]),
    Case(
        "pod.volumeMounts[0].mountPath",
        MOUNTS[1].message,
        FREE,
        ["/", "/data/", "//data", "/a//b", "/a/./b", "/a/../workspace", "/..", "/a:b", "/a\n"],
    ),
    Case("pod.volumeMounts[0].mountPath", MOUNTS[2].message, FREE, TAKEN),
    *(
        case
        for path in ("pod.labels", "pod.annotations")
        for case in (
            keys(path, rules.LABEL_KEYS.message, LABELS, NO_LABELS),
            keys(path, POD["labels"][1].message, NOT_RESERVED, RESERVED),
        )
    ),
]

CRON = {"cron": {"schedule": "0 0 * * 1"}}
RELEASE = {"release": {"tagPattern": "v*"}}
QUERY = {"prometheus": {"url": "http://h", "query": "up"}}

OF_A_SCHEDULE = [
    Case(
        "spec.runTemplate",
        RunTemplate.RULES[0].message,
        [{"spec": {"source": {"image": {"path": "/app"}}}}],
        [
            {"spec": {"source": {"image": {"path": "/app"}}, field: value}}
            for field in ("suspend", "cancel")
            for value in (False, True)
        ],
    ),
    *(
        case
        for path in ("spec.runTemplate.metadata.labels", "spec.runTemplate.metadata.annotations")
        for case in (
            keys(path, rules.LABEL_KEYS.message, LABELS, NO_LABELS),
            keys(path, rules.NOT_OURS.message, NOT_RESERVED, OURS),
        )
    ),
    Case(
        "spec.triggers[0]",
        Trigger.RULES[0].message,
        [{"name": "t", **CRON}, {"name": "t", **RELEASE}],
        [{"name": "t"}, {"name": "t", **CRON, **RELEASE}],
    ),
    Case(
        "spec.triggers[0]",
        Trigger.RULES[1].message,
        [{"name": "checks", **CRON}],
        [{"name": "check", **CRON}],
    ),
    *relative("spec.triggers[2].data.paths[0]"),
    *url("spec.triggers[3].drift.current"),
    Case(
        "spec.triggers[4].metric",
        Metric.RULES[0].message,
        [{**QUERY, "above": 1}, {**QUERY, "below": 0.5}],
        [QUERY, {**QUERY, "above": 1, "below": 0}],
    ),
    *url("spec.triggers[4].metric.prometheus.url"),
    over_http("spec.triggers[4].metric.prometheus", Prometheus.RULES[0], "url", query="up"),
]

CASES: list[tuple[str, Case]] = [
    *(("TrainingRun", Case(f"spec.{c.path}", c.message, c.good, c.bad)) for c in OF_A_RUN),
    *(
        (
            "RetrainSchedule",
            # The same rules once more: that they are there is enough.
            Case(f"{RUN_IN_SCHEDULE.lstrip('.')}.{c.path}", c.message, c.good[:1], c.bad[:2]),
        )
        for c in OF_A_RUN
    ),
    *(("RetrainSchedule", case) for case in OF_A_SCHEDULE),
]
