"""What a search may know of a dataset: folds of the training sessions, and no test session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

import numpy as np

from benchkit.contracts.arrays import Int64
from benchkit.contracts.catalog import Catalog
from benchkit.contracts.dataset import PreparedDataset
from benchkit.contracts.errors import DataError
from benchkit.contracts.protocol import Protocol
from benchkit.data.split import Fold, SealedError, Split, sessions_with, split_sessions


@dataclass(frozen=True, eq=False)
class Counted:
    """A fold, with popularity as the protocol counts it.

    Attributes:
        fold: training sessions and what to predict after them.
        item_counts: ``int64[items]``.
        session_counts: sessions that contain each item, ``int64[items]``.
    """

    fold: Fold
    item_counts: Int64
    session_counts: Int64


@dataclass(frozen=True, eq=False)
class Sealed:
    """A dataset without its test set.

    It keeps neither prepared data nor split: nothing leads from here to a test session. What the
    paper's protocol counts over the complete data (popularity) is there, as numbers.

    Attributes:
        name: of the dataset.
        family: its family, whose presets apply.
        catalog: all items of the prepared data.
        folds: what to learn from and to predict, in order.
    """

    name: str
    family: str
    catalog: Catalog
    folds: tuple[Counted, ...]

    @property
    def test(self) -> NoReturn:
        """Nothing: always raises SealedError."""
        raise SealedError("the test set is sealed while a configuration is searched")


def seal(prepared: PreparedDataset, protocol: Protocol) -> Sealed:
    """Return what a search may know.

    Raises:
        DataError: there are too few sessions to train on or to predict in each fold.
    """
    split = split_sessions(prepared, protocol)
    folds = tuple(split.folds())
    if not all(len(fold.train) and len(fold.withheld.truth) for fold in folds):
        raise DataError(
            f"{prepared.name}: {len(split.train)} training sessions are too few to be tuned on"
        )
    counted = tuple(_count(fold, split, prepared) for fold in folds)
    return Sealed(prepared.name, prepared.family, prepared.catalog, counted)


def _count(fold: Fold, split: Split, prepared: PreparedDataset) -> Counted:
    """Count as the protocol says: under ``strict`` in the fold's own training sessions alone."""
    if not split.protocol.strict:
        return Counted(fold, split.item_counts(prepared), split.session_counts(prepared))
    items, train = len(prepared.catalog), fold.train
    return Counted(fold, np.bincount(train.items, minlength=items), sessions_with(train, items))
