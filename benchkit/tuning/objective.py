"""What is maximised: the total NDCG@20 over the folds, of one configuration."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from benchkit.components.configure import merged, of_others
from benchkit.components.registry import registry
from benchkit.contracts.config import Value
from benchkit.contracts.dataset import PreparedDataset
from benchkit.contracts.prompted import PromptedRecommender, Work
from benchkit.contracts.protocol import Protocol
from benchkit.contracts.recommender import Recommender
from benchkit.contracts.sessions import Sessions
from benchkit.data.open import load_prepared
from benchkit.data.sealed import Counted, Sealed, seal
from benchkit.evaluation.bench import Workbench
from benchkit.evaluation.measure import measure
from benchkit.evaluation.recommend import fit, recommend
from benchkit.evaluation.tasks import Task
from benchkit.toolkit.spending import Account
from benchkit.tuning.budget import OBJECTIVE

# Recommenders of others that a bench keeps for the next trials (`Bench.recommender`).
_HELD = 4
# Sessions of a rehearsal, and of the first fit that the time of a trial is estimated from.
_REHEARSED = 50
# Seconds that more sessions must add to stand out from noise, and how fast fits grow until they do.
_CLEAR = 0.5
_GROWTH = 3
# By how much trials take longer than fits on few sessions suggest.
_MARGIN = 1.25


class Objective:
    """Evaluates configurations of one recommender, fold by fold, and never sees a test session.

    Folds are computed once; what a bench has fitted for one trial (a recommender that others build
    on) serves the next.
    """

    def __init__(self, task: Task, data: Sealed) -> None:
        self.task, self.data = task, data
        self.spending = task.settings.spending()
        self._benches: dict[int, Workbench] = {}
        self._metric = OBJECTIVE.partition("@")[0]
        self._k = int(OBJECTIVE.partition("@")[2])
        self.folds = len(data.folds)

    def rehearse(self, config: Mapping[str, Value]) -> None:
        """Fit a configuration on a handful of sessions, whatever the result.

        What it imports, embeds and reduces is kept, and does not count as time of the search: the
        evaluation needs it anyway, and every new worker does. It pays for nothing.
        """
        counted = self.data.folds[0]
        train = counted.fold.train.between(0, min(_REHEARSED, len(counted.fold.train)))
        prompts = counted.fold.withheld.prompts
        with suppress(Exception):  # the first trial will fail with it
            recommender = self._configured(config)
            bench = self._new_bench(config, train, counted, Account(cap=0.0))
            if isinstance(recommender, PromptedRecommender):  # nothing is trained or asked
                recommender.estimate(train, prompts.between(0, min(5, len(prompts))), bench)
                return
            fit(recommender, bench)
            recommend(recommender, prompts.between(0, min(5, len(prompts))), self._k, bench)

    def estimate(self, config: Mapping[str, Value]) -> float:
        """Return about how long a trial takes, all folds together; 0 where it cannot be estimated.

        Time grows about linearly with sessions. The line goes through a fit on a few and one on so
        many that the time they add stands out from noise.
        """
        try:
            recommender = self._configured(config)
            if isinstance(recommender, PromptedRecommender):
                return 0.0
            fold = self.data.folds[0].fold
            most = min(len(fold.train), len(fold.withheld.prompts))
            size = least = min(_REHEARSED, most)
            seconds = fewest = self._timed(recommender, config, least)
            while size < most and seconds - fewest < _CLEAR:
                size = min(_GROWTH * size, most)
                seconds = self._timed(recommender, config, size)
        except Exception:  # the first trial will fail with it
            return 0.0
        slope = max(0.0, seconds - fewest) / max(1, size - least)
        return _MARGIN * sum(seconds + slope * (len(c.fold.train) - size) for c in self.data.folds)

    def _timed(self, recommender: Recommender, config: Mapping[str, Value], size: int) -> float:
        """Return the seconds of a fit on so many sessions, and of so many lists."""
        counted = self.data.folds[0]
        train = counted.fold.train.between(0, size)
        bench = self._new_bench(config, train, counted, Account(cap=0.0))
        prompts = counted.fold.withheld.prompts.between(0, size)
        return fit(recommender, bench) + recommend(recommender, prompts, self._k, bench)[1]

    def work(self, config: Mapping[str, Value]) -> Work:
        """Return what a prompted recommender asks for on all folds; nothing is sent."""
        recommender = self._configured(config)
        assert isinstance(recommender, PromptedRecommender)
        total = Work()
        for counted in self.data.folds:
            train, prompts = counted.fold.train, counted.fold.withheld.prompts
            bench = self._new_bench(config, train, counted, Account(cap=0.0))
            total += recommender.estimate(train, prompts, bench)
        return total

    def value(self, config: Mapping[str, Value], fold: int) -> float:
        """Return NDCG@20 on a fold, counted from 0.

        Raises:
            Exception: whatever the recommender raises, or ValueError where the metric is no number.
        """
        counted, bench = self.data.folds[fold], self._bench(config, fold)
        recommender = self._configured(config)
        fit(recommender, bench)
        withheld = counted.fold.withheld
        lists, _ = recommend(recommender, withheld.prompts, self._k, bench)
        metrics = {self._metric: registry().metrics()[self._metric]()}
        measured = measure(
            lists.items,
            withheld.truth,
            counted.item_counts,
            self.data.catalog,
            [self._k],
            metrics,
        )
        value = measured.summaries.get(OBJECTIVE, math.nan)
        if not math.isfinite(value):
            reason = measured.failed.get(OBJECTIVE, "no number")
            raise ValueError(f"{OBJECTIVE} of fold {fold + 1}: {reason}")
        return value

    def _bench(self, config: Mapping[str, Value], fold: int) -> Workbench:
        bench = self._benches.get(fold)
        if bench is None or bench.held > _HELD or bench.values != self._values(config):
            counted = self.data.folds[fold]
            bench = self._benches[fold] = self._new_bench(
                config, counted.fold.train, counted, self.spending
            )
        return bench

    def _values(self, config: Mapping[str, Value]) -> dict[str, dict[str, Any]]:
        """Return the values of components in a trial, those that it draws included."""
        return merged(self.task.settings.values(self.task.recommender), of_others(config))

    def _configured(self, config: Mapping[str, Value]) -> Recommender:
        return self.task.configured(config)

    def _new_bench(
        self, config: Mapping[str, Value], train: Sessions, counted: Counted, spending: Account
    ) -> Workbench:
        counts = counted.item_counts, counted.session_counts
        return self.task.bench(self.data, train, counts, spending, self._values(config))


def forecast_trial(task: Task, prepared: PreparedDataset) -> Work | None:
    """Return what the first trial of a prompted recommender's search asks for, all folds together.

    None for any other recommender. Later trials find models fine-tuned already, and ask for less.

    Raises:
        BenchkitError: it cannot be estimated here, and why.
    """
    if not issubclass(registry().recommender(task.recommender), PromptedRecommender):
        return None
    data = seal(prepared, task.settings.protocol)
    return Objective(task, data).work(task.config)


@lru_cache(maxsize=2)
def sealed_data(
    workspace: Path, dataset: str, fingerprint: str, protocol: Protocol, protocol_fingerprint: str
) -> Sealed:
    """Return the data that a search may see, computed once a process.

    Raises:
        DataError: there are too few sessions for the folds.
    """
    description = {**protocol.as_dict(), "fingerprint": protocol_fingerprint}
    return seal(load_prepared(workspace, dataset, fingerprint, description), protocol)
