"""Speed of SKNNEmb beside V-SKNN, both with the paper's best values for Beauty.

    python benchmarks/sknn_emb.py FOLDER [--dim N] [--repeats N]

FOLDER holds Beauty's raw files. Embeddings are random, of as many dimensions as are given: which
they are changes nothing for the time.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchkit.contracts.protocol import Protocol
from benchkit.data.open import open_dataset
from benchkit.data.split import temporal_split
from benchkit.evaluation.bench import Workbench
from benchkit_plugins.recommenders.sknn_emb import SKNNEmb
from benchkit_plugins.recommenders.v_sknn import VSKNN


@dataclass(frozen=True, eq=False)
class RandomBench(Workbench):
    """A bench whose embeddings are random."""

    width: int = 512

    def embeddings(self, *args: Any, **named: Any) -> Any:  # noqa: ARG002
        return self.rng("embeddings").standard_normal((len(self.catalog), self.width), np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as workspace:
        prepared = open_dataset("beauty", Path(workspace), args.folder, {"p_core": 1})
    split = temporal_split(prepared, Protocol())
    counts = prepared.item_counts()
    bench = RandomBench(prepared.catalog, split.train, counts, width=args.dim)
    taken: dict[str, list[float]] = {"v-sknn": [], "sknn-emb": []}
    for _ in range(args.repeats):  # by turns, so that both meet the same machine
        for kind in (VSKNN, SKNNEmb):
            model: Any = kind(kind.Config.create(kind.presets["beauty"], kind.name))
            start = time.perf_counter()
            model.fit(split.train, bench)
            model.recommend(split.test.prompts, 20)
            taken[kind.name].append(time.perf_counter() - start)
    medians = {name: statistics.median(seconds) for name, seconds in taken.items()}
    for name, seconds in medians.items():
        print(f"{name:10s} {seconds:7.3f} s for fitting and {len(split.test.prompts)} prompts")
    print(f"sknn-emb / v-sknn = {medians['sknn-emb'] / medians['v-sknn']:.2f}")


if __name__ == "__main__":
    main()
