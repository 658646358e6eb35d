"""The neural recommenders at the size of a test, and ways to fit them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchkit import Sessions
from benchkit.evaluation.bench import Workbench
from benchkit.testing import samples
from benchkit_plugins.recommenders.bert4rec import BERT4Rec
from benchkit_plugins.recommenders.gru4rec import GRU4Rec
from benchkit_plugins.recommenders.sasrec import SASRec

SMALL: dict[str, Any] = {
    "dim": 16,
    "epochs": 60,
    "patience": 2,
    "batch_size": 32,
    "learning_rate": 0.01,
    "dropout": 0.1,
    "device": "cpu",
    "dtype": "float32",
}
TRANSFORMER: dict[str, Any] = {**SMALL, "layers": 1}
CONFIGS: dict[type[Any], dict[str, Any]] = {
    GRU4Rec: {**SMALL, "hidden": 24},
    SASRec: TRANSFORMER,
    BERT4Rec: {**TRANSFORMER, "epochs": 8},
}
each_model = pytest.mark.parametrize("model", CONFIGS)


def configured(model: type[Any], **values: object) -> Any:
    """Return a small recommender with some parameters of its own."""
    base = next(base for base in model.__mro__ if base in CONFIGS)
    return model(model.Config.create({**CONFIGS[base], **values}, model.name))


def fitted(
    model: type[Any],
    train: Sessions | None = None,
    checkpoints: Path | None = None,
    report: Callable[[str], None] = lambda _: None,
    seed: int = 7,
    kept: dict[str, float] | None = None,
    **values: object,
) -> Any:
    """Return a small recommender fitted for two epochs, unless `values` says otherwise."""
    train = samples.sessions(seed=1) if train is None else train
    counts = np.bincount(train.items, minlength=samples.ITEMS)
    bench = Workbench(
        samples.catalog(),
        train,
        counts,
        seed=seed,
        checkpoints=checkpoints,
        weights={} if kept is None else kept,
        report=report,
    )
    recommender = configured(model, **{"epochs": 2, **values})
    recommender.fit(train, bench)
    return recommender


def weights(recommender: Any) -> dict[str, Any]:
    """Return a fitted recommender's weights as arrays."""
    return {n: v.numpy() for n, v in recommender._network.state_dict().items()}


def require_equal(one: Any, other: Any) -> None:
    """Fail unless two fitted recommenders have exactly equal weights."""
    left, right = weights(one), weights(other)
    assert left.keys() == right.keys()
    for name in left:
        np.testing.assert_array_equal(left[name], right[name], err_msg=name)
