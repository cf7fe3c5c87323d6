"""Fit the classifier, save it, and log the training to MLflow."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import joblib
import mlflow
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from utils import FEATURES, TARGET, param, read_table, split, write_json


def fit(table: pd.DataFrame, C: float, max_iter: int) -> Pipeline:
    model = make_pipeline(StandardScaler(), LogisticRegression(C=C, max_iter=max_iter))
    return model.fit(table[FEATURES], table[TARGET])


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--in", dest="source", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args(argv)

    C, max_iter = param("train.C", float), param("train.max_iter", int)
    train, _ = split(read_table(args.source))

    # Alone this is a run of its own; in a training by Retrain it is a child of the training's run.
    with mlflow.start_run():
        mlflow.log_param("train.C", C)
        mlflow.log_param("train.max_iter", max_iter)

        model = fit(train, C, max_iter)
        accuracy = float(model.score(train[FEATURES], train[TARGET]))

        args.out.parent.mkdir(parents=True, exist_ok=True)
        joblib.dump(model, args.out)
        metrics = args.out.with_name("metrics.json")
        write_json(metrics, {"train_accuracy": accuracy, "train_rows": len(train)})

        mlflow.log_metric("train_accuracy", accuracy)
        mlflow.log_artifact(str(metrics))
    print(f"trained on {len(train)} rows, accuracy {accuracy:.3f}")


if __name__ == "__main__":
    main()
