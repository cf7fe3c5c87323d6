"""Clean the raw measurements: known columns, complete rows, one spelling per species."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from utils import FEATURES, TARGET, read_table


def clean(raw: pd.DataFrame) -> pd.DataFrame:
    table = raw[[*FEATURES, TARGET]].copy()
    for name in FEATURES:
        table[name] = pd.to_numeric(table[name], errors="coerce")
    table[TARGET] = table[TARGET].astype("string").str.strip().str.lower()
    return table.dropna().reset_index(drop=True)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--in", dest="source", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args(argv)

    raw = read_table(args.source)
    table = clean(raw)
    if table.empty:
        raise SystemExit(f"{args.source}: no complete row among {len(raw)}")
    args.out.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(args.out, index=False)
    print(f"{len(table)} of {len(raw)} rows kept")


if __name__ == "__main__":
    main()
