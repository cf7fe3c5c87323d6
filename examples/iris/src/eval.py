"""Judge the model on the held-out rows, which it has never seen."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import joblib
import pandas as pd
from sklearn.metrics import accuracy_score, f1_score

from utils import FEATURES, TARGET, read_table, split, write_json


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--in", dest="source", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--predictions", type=Path, required=True)
    args = parser.parse_args(argv)

    _, test = split(read_table(args.source))
    actual = test[TARGET]
    predicted = joblib.load(args.model).predict(test[FEATURES])

    f1 = float(f1_score(actual, predicted, average="macro", zero_division=0))
    accuracy = float(accuracy_score(actual, predicted))
    write_json(args.out, {"f1_macro": f1, "accuracy": accuracy, "test_rows": len(test)})
    table = pd.DataFrame({"actual": actual, "predicted": predicted})
    table.to_csv(args.predictions, index=False)
    print(f"macro F1 {f1:.3f} on {len(test)} held-out rows")


if __name__ == "__main__":
    main()
