"""What each field takes and refuses."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
import yaml

from core.manifests import GONE, run_with, schedule_with
from retrain_core.spec.manifest import (
    ManifestError,
    parse_retrain_schedule,
    parse_training_run,
)

GIT = "spec.source.git"


def refused(text: str) -> dict[str, str]:
    """The problems of a manifest: path and message."""
    with pytest.raises(ManifestError) as caught:
        parse_retrain_schedule(text) if "RetrainSchedule" in text else parse_training_run(text)
    return {problem.path: problem.message for problem in caught.value.problems}


def accepted(text: str) -> None:
    if "RetrainSchedule" in text:
        assert parse_retrain_schedule(text).spec.triggers
    else:
        assert parse_training_run(text).spec.source


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/team/iris.git",
        "https://git.example.com:8443/a/b",
        "ssh://git@github.com/team/iris.git",
        "ssh://git@git.example.com:2222/team/iris.git",
        "ssh://git.example.com/team/iris.git",
        "git@github.com:team/iris.git",
        "deploy.bot@git.example.com:~/iris",
    ],
)
def test_git_urls_of_https_and_ssh_are_accepted(url: str) -> None:
    accepted(run_with(f"{GIT}.url", url))


@pytest.mark.parametrize(
    "url",
    [
        "",
        "iris",
        "/srv/git/iris.git",
        "../iris.git",
        "file:///srv/git/iris.git",
        "ext::sh -c touch% /tmp/x",
        "fd::17/foo",
        "git://github.com/team/iris.git",
        "ftp://example.com/iris.git",
        "HTTPS://example.com/iris.git",
        "--upload-pack=touch /tmp/x",
        "-u",
        "-oProxyCommand=x@host:path",
        "git@-oProxyCommand:path",
        "git@host:-oProxyCommand",
        "ssh://-oProxyCommand=x/path",
        "ssh://git@-oProxyCommand=x/path",
        "https://host",
        "https:///path",
        "https://host/a b",
        "https://host/path\n",
        "https://host/pa\x1bth",
        "https://host/path\x7f",
        " https://host/path",
        "https://user:secret@host/path",
        "https://token@host/path",
        "https://good.example.com\\@evil.example.com/path",
        "ssh://git:secret@host/path",
        "git:secret@host:path",
        "https://host/" + "x" * 1024,
    ],
)
def test_git_urls_that_reach_files_commands_options_or_carry_secrets_are_refused(url: str) -> None:
    assert set(refused(run_with(f"{GIT}.url", url))) == {f"{GIT}.url"}


def test_a_secret_is_not_sent_over_plain_http() -> None:
    text = run_with(f"{GIT}.url", "http://git.example.com/iris.git")
    assert "not sent over http" in refused(text)[GIT]


def test_plain_http_without_a_secret_is_accepted() -> None:
    accepted(run_with(GIT, {"url": "http://git.example.com/iris.git"}))


@pytest.mark.parametrize(
    "revision",
    ["main", "v1.2.3", "release/2026-11", "a+b", "dependabot/@types", "_x", "a" * 255, "0" * 40],
)
def test_branches_tags_and_commits_are_revisions(revision: str) -> None:
    accepted(run_with(f"{GIT}.revision", revision))


@pytest.mark.parametrize(
    "revision",
    [
        *("", "--upload-pack=x", "-u", "a..b", "a...b", "@{-1}", "main@{1}", "HEAD~1", "v1^{}"),
        *(":/fix", "a:b", "a b", "main\n", "a\x00b", "*", "[a]", "$(x)", "`x`", "a;b", "/main"),
        "a" * 256,
    ],
)
def test_revisions_that_are_options_ranges_or_expressions_are_refused(revision: str) -> None:
    assert set(refused(run_with(f"{GIT}.revision", revision))) == {f"{GIT}.revision"}


SECRET_URLS = [
    "https://user:secret@host/path",
    "https://token@host",
    "s3://key:secret@bucket/prefix",
    "  https://user:secret@host/path",
    "postgresql+psycopg://user:secret@host/mlflow",
    "HTTPS://user:secret@host",
    "ssh://user:secret@host/path",
    "https://user:se@cret@host/path",
]
URL_FIELDS = ["spec.dvc.remote.url", "spec.dvc.remote.endpointURL", "spec.mlflow.trackingURI"]


@pytest.mark.parametrize("url", SECRET_URLS)
@pytest.mark.parametrize("path", [*URL_FIELDS, f"{GIT}.url"])
def test_credentials_in_a_url_are_refused_and_not_repeated(path: str, url: str) -> None:
    found = refused(run_with(path, url))
    assert set(found) == {path}
    assert "secret" not in found[path].replace("secretRef", "")


@pytest.mark.parametrize("url", SECRET_URLS)
@pytest.mark.parametrize(
    "path", ["spec.triggers.3.drift.current", "spec.triggers.4.metric.prometheus.url"]
)
def test_credentials_in_a_url_of_a_schedule_are_refused(path: str, url: str) -> None:
    (message,) = refused(schedule_with(path, url)).values()
    assert "must not contain credentials" in message


@pytest.mark.parametrize(
    "url", ["s3://bucket/a@b", "ssh://git@host/data", "/mnt/my data", "https://host/?q=a@b"]
)
def test_an_at_sign_elsewhere_and_the_user_of_ssh_are_no_credentials(url: str) -> None:
    accepted(run_with("spec.dvc.remote.url", url))


@pytest.mark.parametrize("url", ["-x", "https://host/\n", "s3://bucket/\x00"])
@pytest.mark.parametrize("path", URL_FIELDS)
def test_urls_that_are_options_or_have_control_characters_are_refused(path: str, url: str) -> None:
    assert set(refused(run_with(path, url))) == {path}


@pytest.mark.parametrize("value", ["..", "../x", "a/../../x", "/etc/passwd", "a\x00b", "-x", "a\n"])
@pytest.mark.parametrize(
    "path",
    [
        f"{GIT}.path",
        "spec.python.requirements",
        "spec.dvc.update.0",
        "spec.model.profile.path",
        "spec.smoke.inputs.x",
    ],
)
def test_paths_out_of_the_repository_are_refused(path: str, value: str) -> None:
    assert path.replace(".0", "[0]") in refused(run_with(path, value))


@pytest.mark.parametrize("value", ["../x", "/etc/passwd"])
def test_paths_of_triggers_and_replaced_inputs_stay_inside_too(value: str) -> None:
    assert "spec.triggers[2].data.paths[0]" in str(
        refused(schedule_with("spec.triggers.2.data.paths.0", value))
    )
    assert refused(run_with("spec.smoke.inputs", {value: "sample.csv"}))


@pytest.mark.parametrize("value", [".", "a/b.csv", "a..b/c", "..a", "data/ä.csv"])
def test_paths_inside_the_repository_are_accepted(value: str) -> None:
    accepted(run_with(f"{GIT}.path", value))


@pytest.mark.parametrize(
    ("text", "path", "message"),
    [
        (run_with("spec.source.image", {"path": "/app"}), "spec.source", "one of git and image"),
        (run_with("spec.source", {}), "spec.source", "one of git and image"),
        (run_with("spec.dvc.cache.sizeLimit", "1Gi"), "spec.dvc.cache", "claimName and sizeLimit"),
        (schedule_with("spec.triggers.0.cron", GONE), "spec.triggers[0]", "exactly one of cron"),
        (
            schedule_with("spec.triggers.0.release", {"tagPattern": "v*"}),
            "spec.triggers[0]",
            "exactly one of cron",
        ),
        (
            schedule_with("spec.triggers.4.metric.above", 1),
            "spec.triggers[4].metric",
            "exactly one of above and below",
        ),
        (
            schedule_with("spec.triggers.4.metric.below", GONE),
            "spec.triggers[4].metric",
            "exactly one of above and below",
        ),
        (run_with("metadata.name", GONE), "metadata", "name or generateName"),
    ],
)
def test_where_one_of_several_fields_is_needed_none_and_two_are_refused(
    text: str, path: str, message: str
) -> None:
    assert message in refused(text)[path]


NAMES_AT_LIMIT: list[tuple[str, Any]] = [
    ("metadata.name", "a" * 63),
    ("spec.queueName", "q" * 63),
    ("spec.model.name", "m" * 250),
    ("spec.model.promotion.alias", "a" * 250),
    ("spec.model.promotion.metric", "m" * 250),
    ("spec.source.git.secretRef.name", "s" * 253),
    ("spec.dvc.targets", ["t"] * 64),
    ("spec.dvc.params", {f"p{n}": n for n in range(256)}),
    ("spec.timeoutSeconds", 2_147_483_647),
]
NAMES_OVER_LIMIT: list[tuple[str, Any]] = [
    ("metadata.name", "a" * 64),
    ("metadata.generateName", "a" * 59),
    ("spec.queueName", "q" * 64),
    ("spec.model.name", "m" * 251),
    ("spec.model.promotion.alias", "a" * 251),
    ("spec.model.promotion.metric", "m" * 251),
    ("spec.source.git.secretRef.name", "s" * 254),
    ("spec.dvc.targets", ["t"] * 65),
    ("spec.dvc.params", {f"p{n}": n for n in range(257)}),
    ("spec.timeoutSeconds", 2_147_483_648),
]


@pytest.mark.parametrize(("path", "value"), NAMES_AT_LIMIT, ids=lambda v: str(v)[:30])
def test_values_at_their_limits_are_accepted(path: str, value: object) -> None:
    accepted(run_with(path, value))


@pytest.mark.parametrize(("path", "value"), NAMES_OVER_LIMIT, ids=lambda v: str(v)[:30])
def test_values_over_their_limits_are_refused(path: str, value: object) -> None:
    assert set(refused(run_with(path, value))) == {path}


@pytest.mark.parametrize("name", ["", "Iris", "a_b", "-a", "a-", "a.b", "ä", "a\n"])
def test_names_that_kubernetes_would_refuse_are_refused(name: str) -> None:
    assert "metadata.name" in refused(run_with("metadata.name", name))
    assert "spec.queueName" in refused(run_with("spec.queueName", name))


@pytest.mark.parametrize("alias", ["latest", "Latest", "v1", "V22", "a.b", "a b", ""])
def test_aliases_that_mlflow_would_refuse_are_refused(alias: str) -> None:
    path = "spec.model.promotion.alias"
    assert set(refused(run_with(path, alias))) == {path}


@pytest.mark.parametrize("alias", ["champion", "v1-candidate", "latest_good"])
def test_other_aliases_are_accepted(alias: str) -> None:
    accepted(run_with("spec.model.promotion.alias", alias))


CRON = {"schedule": "0 0 * * 1"}
RELEASE = {"tagPattern": "v*"}


def schedule_named(name: str, trigger: dict[str, object]) -> str:
    text = schedule_with("metadata.name", name)
    return with_triggers(text, [trigger])


def with_triggers(text: str, triggers: Sequence[Mapping[str, object]]) -> str:
    content = yaml.safe_load(text)
    content["spec"]["triggers"] = list(triggers)
    return yaml.safe_dump(content)


@pytest.mark.parametrize(("schedule", "trigger"), [(50, 1), (26, 25), (1, 50)])
def test_schedule_and_trigger_of_51_characters_fit_a_cronjob_s_name(
    schedule: int, trigger: int
) -> None:
    text = schedule_named("s" * schedule, {"name": "t" * trigger, "cron": CRON})
    parsed = parse_retrain_schedule(text)
    assert len(f"{parsed.metadata.name}-{parsed.spec.triggers[0].name}") == 52


@pytest.mark.parametrize(("schedule", "trigger"), [(51, 1), (26, 26), (1, 51)])
def test_schedule_and_trigger_of_52_characters_are_refused(schedule: int, trigger: int) -> None:
    text = schedule_named("s" * schedule, {"name": "t" * trigger, "cron": CRON})
    assert "must not exceed 51 characters" in str(refused(text))


def test_a_schedule_that_must_look_at_something_leaves_room_for_check() -> None:
    accepted(schedule_named("s" * 46, {"name": "t", "release": RELEASE}))
    assert "and check" in str(refused(schedule_named("s" * 47, {"name": "t", "release": RELEASE})))
    accepted(schedule_named("s" * 47, {"name": "t", "cron": CRON}))


def test_the_five_characters_of_a_generated_name_count() -> None:
    text = schedule_named("x", {"name": "t" * 6, "cron": CRON})
    long = text.replace("name: x\n", f"generateName: {'s' * 41}\n")
    short = text.replace("name: x\n", f"generateName: {'s' * 40}\n")
    accepted(short)
    assert "must not exceed" in str(refused(long))


def test_check_is_no_trigger_s_name() -> None:
    assert "`check`" in str(refused(schedule_named("s", {"name": "check", "cron": CRON})))


def test_two_triggers_of_one_name_are_refused() -> None:
    trigger = {"name": "t", "cron": CRON}
    assert "used once" in str(
        refused(with_triggers(schedule_with("spec.suspend", True), [trigger] * 2))
    )


@pytest.mark.parametrize("count", [0, 17])
def test_a_schedule_without_triggers_or_with_more_than_16_is_refused(count: int) -> None:
    triggers: list[dict[str, object]] = [{"name": f"t{n}", "cron": CRON} for n in range(count)]
    assert "spec.triggers" in refused(with_triggers(schedule_with("spec.suspend", True), triggers))


@pytest.mark.parametrize("field", ["suspend", "cancel"])
def test_a_run_template_neither_suspends_nor_cancels(field: str) -> None:
    found = refused(schedule_with(f"spec.runTemplate.spec.{field}", False))
    assert "suspend the schedule instead" in found["spec.runTemplate"]


TRACKED = "spec.mlflow.trackingURI"
QUERIED = "spec.triggers.4.metric.prometheus.url"


@pytest.mark.parametrize(
    "url",
    [
        "http://mlflow.example.com",
        "HTTP://mlflow.example.com",
        "http://10.0.0.1:5000",
        "http://134744072",
        "http://mlflow.team",
        "http://mlflow.svc.example.com",
        "http://svc.example.com/.svc",
        "http://localhost.example.com",
        "http://127.0.0.1.example.com",
        "http://mlflow:80.example.com",
    ],
)
def test_credentials_go_over_http_to_no_host_outside(url: str) -> None:
    for text in (run_with(TRACKED, url), schedule_with(QUERIED, url)):
        assert any("credentials are not sent over http" in said for said in refused(text).values())


@pytest.mark.parametrize(
    "url",
    [
        "https://mlflow.example.com",
        "http://mlflow:5000",
        "http://mlflow.team.svc/path",
        "http://mlflow.team.svc.cluster.local:5000",
        "http://localhost:5000",
        "http://127.0.0.1:5000",
        "http://[::1]:5000",
    ],
)
def test_credentials_go_over_http_within_the_cluster_and_the_machine(url: str) -> None:
    accepted(run_with(TRACKED, url))
    accepted(schedule_with(QUERIED, url))
