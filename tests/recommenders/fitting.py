"""Fitting recommenders on a handful of sessions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from benchkit import Recommendations, Sessions
from benchkit.evaluation.bench import Workbench
from tests.making import catalog


def fitted(
    component: type[Any],
    train: Sequence[Sequence[int]],
    times: Sequence[int] | None = None,
    items: int = 10,
    seed: int = 0,
    **values: object,
) -> Any:
    """Return a component fitted on sessions that end at `times`, by default one after another."""
    ends = times if times is not None else range(len(train))
    stamps = [[end] * len(row) for row, end in zip(train, ends, strict=True)]
    sessions = Sessions.from_lists(train, stamps)
    model = component(component.Config.create(values, component.name))
    counts = np.bincount(sessions.items, minlength=items)
    model.fit(sessions, Workbench(catalog(items), sessions, counts, seed=seed))
    return model


def ranked(model: Any, prompt: Sequence[int], k: int = 10) -> list[tuple[int, float]]:
    """Return one prompt's list as (item, score) pairs."""
    found: Recommendations = model.recommend(Sessions.from_lists([prompt]), k)
    length = int((found.items[0] >= 0).sum())
    return [(int(found.items[0, i]), float(found.scores[0, i])) for i in range(length)]


def scores(expected: dict[int, float]) -> Any:
    """Return scores to compare with, as exactly as float32 allows."""
    return pytest.approx(expected, rel=1e-6)
