"""S3-Rec at the size of a test: catalogs with attributes, masked sessions, and ways to fit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchkit import Catalog, Sessions
from benchkit.contracts.sessions import offsets_of
from benchkit.evaluation.bench import Workbench
from benchkit.testing import samples
from benchkit_plugins.recommenders.neural.masking import Attributes, MaskedBatch, mask
from benchkit_plugins.recommenders.neural.objectives import Objectives
from benchkit_plugins.recommenders.neural.pretraining import Pretrainer
from benchkit_plugins.recommenders.s3rec import S3Rec
from tests.making import catalog as bare_catalog
from tests.recommenders.neural.models import TRANSFORMER

SMALL: dict[str, Any] = {**TRANSFORMER, "pretrain_epochs": 2, "batch_size": 64}
ITEMS = 12
MASK = ITEMS


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def described(attributes: Sequence[Sequence[int]]) -> Catalog:
    """Return a catalog of items with these attributes."""
    lengths = np.array([len(row) for row in attributes])
    codes = np.array([code for row in attributes for code in row], dtype=np.int32)
    names = [f"attribute-{code}" for code in range(max(codes, default=0) + 1)]
    return replace(
        bare_catalog(len(attributes)),
        attribute_offsets=offsets_of(lengths),
        attribute_codes=codes,
        attribute_names=names,
    )


def attributes_of(rows: Sequence[Sequence[int]]) -> Attributes:
    return Attributes.of(described(rows), np.arange(len(rows), dtype=np.int32))


def fitted(
    model: type[Any] = S3Rec,
    catalog: Catalog | None = None,
    checkpoints: Path | None = None,
    report: Callable[[str], None] = lambda _: None,
    **values: object,
) -> Any:
    """Return a small recommender fitted on the sample sessions."""
    train = samples.sessions(seed=1)
    catalog = samples.catalog() if catalog is None else catalog
    counts = np.bincount(train.items, minlength=samples.ITEMS)
    bench = Workbench(catalog, train, counts, seed=7, checkpoints=checkpoints, report=report)
    recommender = model(model.Config.create({**SMALL, "epochs": 2, **values}, model.name))
    recommender.fit(train, bench)
    return recommender


def pretrained(rows: Sequence[Sequence[int]]) -> Any:
    """Return the objectives over an untrained network of `ITEMS` items."""
    model: Any = S3Rec(S3Rec.Config.create({**SMALL, "dropout": 0.0, "layers": 2}, "s3rec"))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made = Objectives(model.network(ITEMS, 16), attributes_of(rows))
        for value in made.parameters():
            value.data += 0.1 * torch.randn_like(value)  # no variable may hide behind a zero
    return made


def pretrainer(
    train: Sessions, items: int, report: Callable[[str], None] = lambda _: None, **values: object
) -> Pretrainer:
    """Return what pre-trains a network of the sample catalog's first `items` items."""
    model: Any = S3Rec(S3Rec.Config.create({**SMALL, **values}, "s3rec"))
    attributes = Attributes.of(samples.catalog(), np.arange(items, dtype=np.int32))
    rng = samples.bench(train, items).rng
    return Pretrainer(model.network(items, 16), attributes, model.config, rng, report)


TWO_EACH = [[item // 4, 3 + item % 2] for item in range(ITEMS)]


def cases(*sessions: list[int], share: float = 0.5, seed: int = 0) -> MaskedBatch:
    return mask(Sessions.from_lists(sessions), ITEMS, share, rng(seed))


def parts(batch: MaskedBatch, reading: int) -> list[list[int]]:
    """Return the sessions of one reading."""
    read = np.split(batch.readings.items, batch.readings.offsets[1:-1])
    return [part.tolist() for part in read[reading * len(batch) : (reading + 1) * len(batch)]]
