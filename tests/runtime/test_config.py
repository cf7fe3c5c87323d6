"""The configuration is checked before anything starts; each problem is one clear sentence."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from retrain_operator.__main__ import main
from retrain_operator.config import Config, ConfigError, load_config

WHOLE = """\
trainerImage: registry.example.com/trainer:1
imagePullPolicy: Always
namespaces: [ml, research]
defaults:
  mlflow: {trackingURI: https://mlflow.example.com, secretRef: {name: mlflow}}
  dvc: {remote: {url: s3://models, secretRef: {name: store}}}
  pod: {resources: {requests: {cpu: 1, memory: 2Gi}}}
  queueName: gpus
jobTTLSeconds: 60
resyncSeconds: 300
workers: 4
port: 9090
logLevel: DEBUG
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config.yaml"


def problem(file: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(file)
    message = str(caught.value)
    assert message.startswith(f"{file}: ")
    assert "\n" not in message
    return message.removeprefix(f"{file}: ")


def test_everything_can_be_said(file: Path) -> None:
    file.write_text(WHOLE)
    config = load_config(file)
    assert (config.trainer.image, config.trainer.image_pull_policy) == (
        "registry.example.com/trainer:1",
        "Always",
    )
    assert config.namespaces == ["ml", "research"]
    assert config.defaults["queueName"] == "gpus"
    assert (config.job_ttl_seconds, config.resync_seconds, config.workers) == (60, 300, 4)
    assert (config.port, config.log_level) == (9090, "DEBUG")


def test_only_the_trainer_s_image_has_to_be_said(file: Path) -> None:
    file.write_text("trainerImage: trainer:1\n")
    assert load_config(file) == Config(trainer_image="trainer:1")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "must be fields and their values, trainerImage at least"),
        ("trainer:1", "must be fields and their values, trainerImage at least"),
        ("- a", "must be fields and their values, trainerImage at least"),
        ("port: 8080", "trainerImage: Field required"),
        ("a: [", "broken YAML: line 1: expected the node content, but found '<stream end>'"),
        ("a: 1\nb: c: d", "broken YAML: line 2: mapping values are not allowed here"),
        ("a: *b", "broken YAML: line 1: found undefined alias 'b'"),
        ("trainerImage: !!python/name:os.system ''", "broken YAML: line 1: could not determine"),
    ],
    ids=str,
)
def test_a_file_that_is_no_configuration_is_refused(file: Path, text: str, said: str) -> None:
    file.write_text(text)
    assert problem(file).startswith(said)


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("trainerimage: x", "trainerimage: Extra inputs are not permitted"),
        ("workers: 0", "workers: Input should be greater than or equal to 1"),
        ("workers: many", "workers: Input should be a valid integer"),
        ("resyncSeconds: 1", "resyncSeconds: Input should be greater than or equal to 10"),
        ("jobTTLSeconds: -1", "jobTTLSeconds: Input should be greater than or equal to 0"),
        ("port: 65536", "port: Input should be less than or equal to 65535"),
        ("logLevel: info", "logLevel: Input should be 'DEBUG', 'INFO', 'WARNING' or 'ERROR'"),
        ("imagePullPolicy: Sometimes", "imagePullPolicy: Input should be 'Always'"),
        ("namespaces: ml", "namespaces: Input should be a valid list"),
        ("namespaces: ['*']", "namespaces.0: String should match pattern"),
        ("defaults: []", "defaults: Input should be a valid dictionary"),
        ("defaults: {retry: 1}", "defaults.retry: Extra inputs are not permitted"),
        ("defaults: {suspend: true}", "defaults.suspend: is each run's own"),
        ("defaults: {pod: {hostNetwork: true}}", "defaults.pod.hostNetwork: Extra inputs"),
        (
            "defaults: {mlflow: {trackingURI: 'sqlite:///x'}}",
            "defaults.mlflow.trackingURI: sqlite:///x ends with the pod; name a tracking server",
        ),
        (
            "defaults: {mlflow: {trackingURI: 'https://u:hunter2@h'}}",
            "defaults.mlflow.trackingURI: must not contain credentials",
        ),
    ],
    ids=str,
)
def test_a_field_that_is_wrong_is_named(file: Path, field: str, said: str) -> None:
    file.write_text(f"trainerImage: trainer:1\n{field}\n")
    found = problem(file)
    assert found.startswith(said)
    assert "hunter2" not in found


def test_every_problem_is_told_at_once(file: Path) -> None:
    file.write_text("workers: 0\nport: -1\n")
    assert [part.split(":")[0] for part in problem(file).split("; ")] == [
        "trainerImage",
        "workers",
        "port",
    ]


def test_a_file_that_cannot_be_read_is_told(file: Path, tmp_path: Path) -> None:
    assert problem(file) == "No such file or directory"
    assert problem(tmp_path) == "Is a directory"
    file.write_bytes(b"trainerImage: \xff")
    assert "can't decode byte 0xff" in problem(file)


def test_the_process_ends_with_the_problem_as_its_last_words(file: Path) -> None:
    done = CliRunner().invoke(main, ["--config", str(file)])
    assert done.exit_code == 1
    assert done.output == f"retrain-operator: {file}: No such file or directory\n"
