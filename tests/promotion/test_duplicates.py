"""Of two versions of one run the second is never promoted."""

from promotion.racing import METRIC, Entry, Racer, Store, version_tags
from retrain_core.spec import Promotion
from retrain_trainer.registry.versions import DUPLICATE


def test_the_second_version_of_a_run_is_nobodys_rival() -> None:
    store = Store()
    store.create(version_tags("twice", 0.5, "today"), {"today": 0.5})
    second = version_tags("twice", 0.9, "today") | {DUPLICATE: "1"}
    store.create(second, {"today": 0.9})
    racer = Racer("new", Entry({"today": 0.6}), store, Promotion(metric=METRIC))
    racer.finish()
    assert store.aliases["champion"] == 3
