"""Searches in tests: real studies in a journal file, around objectives that take no time.

As a script, ``python -m tests.tuning.searching FOLDER TRIALS SECONDS``, it is a worker: it does
trials of so many seconds a fold until the budget of trials is used up.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchkit.contracts.config import Value
from benchkit.contracts.protocol import Protocol
from benchkit.evaluation.settings import Settings
from benchkit.toolkit.spending import Account
from benchkit.tuning.budget import Options
from benchkit.tuning.heartbeat import Heartbeat
from benchkit.tuning.ledger import Ledger
from benchkit.tuning.search import Search, plan_search
from benchkit.tuning.storage import journal
from benchkit.tuning.trial import Trials
from tests.making import prepared

Evaluate = Callable[[Mapping[str, Value], int], float]


def search_in(
    folder: Path, recommender: str = "sknn", overrides: Mapping[str, str] | None = None, **how: Any
) -> Search:
    """Return the search for a recommender's configuration on a handful of sessions."""
    data = replace(prepared([[0, 1], [1, 2], [0, 2]]), family="beauty")
    settings = Settings(
        protocol=Protocol(),
        preset=how.pop("preset", "paper"),
        overrides={recommender: dict(overrides or {})},
        cutoffs=[20],
        seed=how.pop("seed", 0),
        workspace=folder,
        out=folder,
        embedders=how.pop("embedders", ()),
    )
    options = Options(storage=journal(folder, "made"), **how)
    found = plan_search(data, recommender, settings, options)
    assert found is not None
    return found


def rising(config: Mapping[str, Value], fold: int) -> float:
    """Return a value that grows with k."""
    assert isinstance(config["k"], int)
    return config["k"] / 1000 + fold / 100


class Made:
    """An objective of three folds around a function."""

    folds = 3

    def __init__(self, evaluate: Evaluate) -> None:
        self.evaluate = evaluate
        self.spending = Account()
        self.asked: list[tuple[Mapping[str, Value], int]] = []

    def value(self, config: Mapping[str, Value], fold: int) -> float:
        self.asked.append((dict(config), fold))
        return self.evaluate(config, fold)


def conduct(search: Search, evaluate: Evaluate = rising, most: int = 1000) -> tuple[Ledger, str]:
    """Do trials in this process until none may begin, and return what they came to, and why."""
    with Heartbeat(search.heartbeats) as heartbeat:
        trials = Trials(search, search.study(), Made(evaluate), heartbeat)  # type: ignore[arg-type]
        reason = None
        while reason is None and most:
            reason, most = trials.run_one(1000.0), most - 1
        return search.refresh(Ledger(), search.study()), reason or ""


def main() -> None:
    folder, trials, seconds = sys.argv[1:]

    def slow(config: Mapping[str, Value], fold: int) -> float:
        time.sleep(float(seconds))
        return rising(config, fold)

    conduct(search_in(Path(folder), trials=int(trials)), slow)


if __name__ == "__main__":
    main()
