"""Fitting a recommender and asking it: the answers are checked before anyone measures them."""

from __future__ import annotations

import time

import numpy as np

from benchkit.contracts.errors import PluginError
from benchkit.contracts.recommender import Recommendations, Recommender
from benchkit.contracts.sessions import Sessions
from benchkit.evaluation.bench import Workbench


def fit(recommender: Recommender, bench: Workbench) -> float:
    """Fit on the bench's training sessions and return the wall time in seconds.

    What is shared with other fits is read-only from here on: a recommender that writes to its
    input fails instead of spoiling theirs.
    """
    _freeze(bench.train)
    for counts in (bench.item_counts, bench.session_counts):
        if counts is not None:
            counts.flags.writeable = False
    started = time.perf_counter()
    recommender.fit(bench.train, bench)
    return time.perf_counter() - started


def recommend(
    recommender: Recommender, prompts: Sessions, depth: int, bench: Workbench
) -> tuple[Recommendations, float]:
    """Return lists of the given depth, at most the catalog, and the wall time in seconds.

    Where the protocol keeps prompts out of every list, that holds for recommenders without an
    ``exclude_seen`` parameter too: they are length for longer lists, and seen items are taken out.

    Raises:
        PluginError: the recommender broke its contract; the message says how.
    """
    depth = min(depth, len(bench.catalog))
    filtered = bench.presets.exclude_prompt and not hasattr(recommender.config, "exclude_seen")
    length = depth + int(prompts.lengths.max(initial=0)) if filtered else depth
    _freeze(prompts)
    started = time.perf_counter()
    try:
        lists = recommender.recommend(prompts, length)
    except PluginError as error:
        raise PluginError(f"{recommender.name}: {error}") from error
    seconds = time.perf_counter() - started
    _check(recommender.name, lists, len(prompts), length, len(bench.catalog))
    if filtered:
        lists = without(lists, prompts, depth)
    return lists, seconds


def without(lists: Recommendations, seen: Sessions, depth: int) -> Recommendations:
    """Return the lists less the seen items, closed up and cut to `depth`.

    Args:
        lists: ``int32[prompts, length]``.
        seen: items to take out, one session a list.
        depth: length of the lists that are returned, at most `length`.
    """
    span = max(int(lists.items.max(initial=0)), int(seen.items.max(initial=0))) + 2
    rows = np.arange(len(lists.items), dtype=np.int64)[:, None]
    unwanted = np.isin(rows * span + lists.items, seen.owners * span + seen.items)
    gone = unwanted | (lists.items < 0)
    order = np.argsort(gone, axis=1, kind="stable")[:, :depth]
    items = np.where(gone, np.int32(-1), lists.items)
    scores = np.where(gone, np.float32(-np.inf), lists.scores)
    return Recommendations(
        np.take_along_axis(items, order, axis=1), np.take_along_axis(scores, order, axis=1)
    )


def _freeze(sessions: Sessions) -> None:
    for array in (sessions.items, sessions.offsets, sessions.times, sessions.ids):
        array.flags.writeable = False


def _check(name: str, lists: Recommendations, prompts: int, depth: int, items: int) -> None:
    if not isinstance(lists, Recommendations):
        raise PluginError(f"{name} returned {type(lists).__name__}, not Recommendations")
    if problem := lists.problem(prompts, depth, items):
        raise PluginError(f"{name} returned {problem}; `benchkit.testing` checks")
