"""What a trial costs beside the recommender: sampling, pruning, storing, counting.

    python benchmarks/tuning.py [--trials N] [--sampler NAME] [--storage FILE|URL]

One worker searches five parameters of a recommender that answers at once, on the folds of the
generated Steam sample. Printed are milliseconds a trial, for each tenth of the trials: what grows
with the number of trials shows. Of that, "folds" is making, asking and measuring the recommender
three times over. Target: 50 ms a trial.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchkit import (
    Bench,
    Choice,
    Config,
    Float,
    Int,
    Recommendations,
    Recommender,
    Sessions,
    param,
)
from benchkit.components.registry import Registered, registry
from benchkit.contracts.config import Value
from benchkit.contracts.protocol import Protocol
from benchkit.data.open import open_dataset
from benchkit.data.sealed import seal
from benchkit.evaluation.settings import Settings
from benchkit.tuning import ledger
from benchkit.tuning.budget import Options
from benchkit.tuning.heartbeat import Heartbeat
from benchkit.tuning.objective import Objective
from benchkit.tuning.search import plan_search
from benchkit.tuning.storage import journal
from benchkit.tuning.trial import Trials


@dataclass(frozen=True, kw_only=True)
class InstantConfig(Config):
    item: int = param(3, "what to recommend", search=Int(0, 400))
    rate: float = param(0.1, "no matter", search=Float(0.0001, 1, log=True))
    share: float = param(0.1, "no matter", search=Float(0, 0.9, step=0.05))
    mode: str = param("a", "no matter", search=Choice("a", "b", "c"))
    weight: float = param(0.5, "under a alone", search=Float(0, 1), when={"mode": "a"})


class Instant(Recommender):
    """Recommends one item."""

    name = "instant"
    Config = InstantConfig
    config: InstantConfig

    def fit(self, train: Sessions, bench: Bench) -> None:
        """Learn nothing."""

    def recommend(self, prompts: Sessions, k: int) -> Recommendations:
        """Return the item, and as much of nothing."""
        lists = Recommendations.empty(len(prompts), k)
        lists.items[:, 0] = self.config.item
        lists.scores[:, 0] = 1
        return lists


class Timed(Objective):
    """An objective that knows how long it took."""

    seconds = 0.0

    def value(self, config: Mapping[str, Value], fold: int) -> float:
        start = time.perf_counter()
        found = super().value(config, fold)
        self.seconds += time.perf_counter() - start
        return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--sampler", default="tpe")
    parser.add_argument("--storage")
    args = parser.parse_args()
    ledger.PATIENCE = args.trials  # type: ignore[attr-defined]
    registry().add(Registered(Instant, "benchmark", "0"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepared = open_dataset("steam", folder, None, {})
        settings = Settings(Protocol(), "paper", {}, [20], 0, folder, folder)
        storage = args.storage or journal(folder, prepared.name)
        options = Options(sampler=args.sampler, storage=storage, trials=args.trials)
        search = plan_search(prepared, "instant", settings, options)
        assert search is not None
        objective = Timed(search.task, seal(prepared, Protocol()))
        taken: list[float] = []
        with Heartbeat(search.heartbeats) as heartbeat:
            trials = Trials(search, search.study(), objective, heartbeat)
            begin = time.perf_counter()
            while trials.run_one(1e9) is None:
                taken.append(time.perf_counter() - begin)
                begin = time.perf_counter()
    for part in np.array_split(np.array(taken) * 1000, 10):
        print(
            f"{part.mean():6.1f} ms a trial (median {np.median(part):.1f}, most {part.max():.1f})"
        )
    folds = objective.seconds / len(taken) * 1000
    print(f"{np.mean(taken) * 1000:6.1f} ms a trial in all, of which {folds:.1f} ms are the folds")


if __name__ == "__main__":
    main()
