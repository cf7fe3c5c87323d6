"""A result always fits a termination message, and nothing but a result is read from one."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrain_core.outcome import Reason
from retrain_core.result import (
    BUDGET,
    MAX_BYTES,
    DVCState,
    Metric,
    MLflowRun,
    ModelVersion,
    Result,
    Stage,
    parse,
)


def words(longest: int) -> st.SearchStrategy[str]:
    """Texts of every length, of characters of one to four bytes and of escaped ones."""
    wide = st.sampled_from(["a", "é", "日", "🌸", '"', "\\", "\n", "\x01", "\x7f"])
    filled = st.builds(lambda char, count: char * count, wide, st.integers(0, longest))
    return filled | st.text(st.characters(exclude_categories=["Cs"]), max_size=min(longest, 60))


numbers = st.from_regex(r"[0-9]{1,19}", fullmatch=True)
digests = st.from_regex(r"[0-9a-f]{32}", fullmatch=True)
stages = st.builds(
    Stage,
    name=words(256),
    state=st.sampled_from(["Ran", "Restored", "Unchanged", "Failed"]),
    seconds=st.floats(0, 1e6),
)
metrics = st.builds(Metric, name=words(256), value=words(64))
models = st.builds(
    ModelVersion,
    name=words(256),
    version=st.none() | numbers,
    uri=st.none() | words(1024),
    promoted=st.booleans(),
    reason=st.none() | words(1024),
    previous_version=st.none() | numbers,
    champion_metric=st.none() | words(64),
    candidate_metric=st.none() | words(64),
)
results = st.builds(
    Result,
    reason=st.none() | st.sampled_from(Reason),
    message=words(4096),
    commit=st.none() | st.from_regex(r"[0-9a-f]{40}", fullmatch=True),
    mlflow=st.none()
    | st.builds(
        MLflowRun,
        experiment_id=st.none() | numbers,
        run_id=st.none() | digests,
        url=st.none() | words(1024),
    ),
    stages=st.lists(stages, max_size=12),
    metrics=st.one_of(
        st.lists(metrics, max_size=12),
        st.integers(0, 1000).map(lambda n: [Metric(name=f"m{i}", value="0.5") for i in range(n)]),
    ),
    dvc=st.none()
    | st.builds(DVCState, lock_md5=st.none() | digests, remote=st.none() | words(1024)),
    model=st.none() | models,
)
LARGEST = Result(
    reason=Reason.TRACKING_UNREACHABLE,
    message="\x01" * 4096,
    commit="a" * 64,
    mlflow=MLflowRun(experiment_id="9" * 64, run_id="f" * 32, url="\x01" * 1024),
    stages=[Stage(name="\x01" * 256, state="Unchanged", seconds=1e300)] * 256,
    metrics=[Metric(name="🌸" * 256, value="\x01" * 64)] * 1000,
    dvc=DVCState(lock_md5="f" * 32, remote="\x01" * 1024),
    model=ModelVersion(
        name="\x01" * 256,
        version="9" * 19,
        uri="\x01" * 1024,
        promoted=True,
        reason="\x01" * 1024,
        previous_version="9" * 19,
        champion_metric="\x01" * 64,
        candidate_metric="\x01" * 64,
    ),
)


@settings(max_examples=300)
@given(results)
def test_every_result_fits_a_termination_message_and_can_be_read_back(result: Result) -> None:
    text = result.dump()
    assert len(text.encode()) <= BUDGET
    read = parse(text)
    assert read is not None
    assert (read.reason, read.commit) == (result.reason, result.commit)


@settings(max_examples=200)
@given(results)
def test_a_result_that_fits_is_not_shortened(result: Result) -> None:
    whole = result.dump(limit=10_000_000)
    read = Result.model_validate_json(whole)
    assert read == result
    if len(whole.encode()) <= BUDGET:
        assert parse(result.dump()) == result


@settings(max_examples=100)
@given(results, st.data())
def test_a_result_that_was_cut_is_none(result: Result, data: st.DataObject) -> None:
    text = result.dump()
    kept = data.draw(st.integers(0, len(text.encode()) - 1))
    assert parse(text.encode()[:kept].decode(errors="replace")) is None


def test_even_the_largest_result_fits_and_keeps_what_identifies_the_run() -> None:
    read = parse(LARGEST.dump())
    assert read is not None
    assert read.commit == LARGEST.commit
    assert read.mlflow is not None
    assert read.mlflow.run_id == "f" * 32
    assert read.model is not None
    assert read.model.version == "9" * 19
    assert read.model.promoted


def test_metrics_are_cut_before_stages_and_stages_before_the_message() -> None:
    stage = Stage(name="train", state="Ran", seconds=1.5)
    metric = Metric(name="f1", value="0.9")
    many = Result(message="trained", stages=[stage] * 3, metrics=[metric] * 900)
    read = parse(many.dump())
    assert read is not None
    assert (read.message, read.stages) == (many.message, many.stages)
    assert 0 < len(read.metrics) < 900
    long = parse(Result(message="x" * 1900, stages=[stage] * 200, metrics=[metric]).dump())
    assert long is not None
    assert long.message == "x" * 1900
    assert long.metrics == []


def test_a_limit_too_small_for_anything_ends_all_the_same() -> None:
    assert json.loads(LARGEST.dump(limit=10))["commit"] == LARGEST.commit


@settings(max_examples=500)
@given(st.binary(max_size=200).map(lambda raw: raw.decode(errors="replace")) | st.text())
def test_reading_arbitrary_text_never_raises(text: str) -> None:
    read = parse(text)
    assert read is None or isinstance(read, Result)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["reason", "message", "stages", "metrics", "model", "name", "x"]),
            inner,
            max_size=4,
        )
    ),
)


@settings(max_examples=500)
@given(anything)
def test_reading_arbitrary_json_never_raises(content: object) -> None:
    read = parse(json.dumps(content))
    assert read is None or len(read.dump().encode()) <= BUDGET


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "Traceback (most recent call last):",
        '{"reason": "Trained", "unknown": 1}',
        '{"reason": "NoSuchReason"}',
        '{"commit": "main"}',
        '{"mlflow": {"runID": "../../secrets"}}',
        '{"model": {"name": "iris", "version": "1; drop"}}',
        '{"stages": [{"name": "a", "state": "Ran", "seconds": 1e999}]}',
        '{"stages": [{"name": "a", "state": "Ran", "seconds": NaN}]}',
        '{"stages": [{"name": "a", "state": "Ran", "seconds": -1}]}',
        '{"metrics": [{"name": "f1", "value": 0.9}]}',
        '{"message": "\ud800"}',
        "[" * 4000,
    ],
    ids=lambda text: text[:30].encode(errors="replace").decode(),
)
def test_what_is_no_result_is_none(text: str) -> None:
    assert parse(text) is None


def test_a_message_of_more_than_4096_bytes_is_not_read() -> None:
    fits = json.dumps({"message": "x" * (MAX_BYTES - len('{"message": ""}'))})
    assert len(fits) == MAX_BYTES
    assert parse(fits) is not None
    assert parse(fits + " ") is None
    assert parse(json.dumps({"message": "é" * 2048}, ensure_ascii=False)) is None
