"""An object whose bytes are not those of its hash is no object, wherever it lies."""

import hashlib
import shutil
from pathlib import Path

from retrain_core.outcome import Reason
from support.toy import toy_files
from support.world import World

MODEL = b'{"lr": 0.5, "n": 3}'
BETTER = b'{"lr": 99, "n": 3}'
EVALUATED_ANEW = {"src/evaluate.py": toy_files()["src/evaluate.py"] + "\n# changed\n"}


def test_an_object_that_was_changed_in_a_kept_cache_is_fetched_anew(world: World) -> None:
    pods = world.pods()
    first = pods.run()
    kept = pods.folder / "workspace-1" / "state" / "cache"
    object_ = kept / "dvc" / "files" / "md5" / _place(MODEL)
    object_.chmod(0o644)
    object_.write_bytes(BETTER)
    object_.chmod(0o444)
    world.repository.commit(EVALUATED_ANEW)
    again = world.pods()
    assert again.source().code == 0
    cache = again.folder / "workspace-1" / "state" / "cache"
    shutil.copytree(kept, cache)
    second = again.train()
    assert world.ran().count("train") == 1
    assert second.result.reason is Reason.TRAINED, second
    assert second.result.metrics == first.result.metrics
    assert (cache / "dvc" / "files" / "md5" / _place(MODEL)).read_bytes() == MODEL


def test_an_object_that_was_changed_in_the_store_is_not_registered(world: World) -> None:
    world.pods().run()
    client = world.s3.client()
    key = f"dvc/files/md5/{_place(MODEL)}"
    client.put_object(Bucket=world.bucket, Key=key, Body=BETTER)
    world.repository.commit(EVALUATED_ANEW)
    ended = world.pods().run()
    assert ended.result.reason is Reason.DATA_MISSING, ended
    assert "other bytes" in ended.result.message
    assert ended.result.model is None
    assert world.ran() == ["prepare", "train", "evaluate"]


def _place(content: bytes) -> Path:
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    return Path(md5[:2]) / md5[2:]
