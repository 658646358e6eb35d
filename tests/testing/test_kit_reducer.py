"""Every check of reducers fails on a reducer that breaks just that promise."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchkit import Reducer
from benchkit.testing import ReducerConformance
from tests.testing.right import Directions
from tests.testing.trials import checks, must_fail, own_checks, try_check


class KeepsEverything(Directions):
    def transform(self, vectors: Any) -> Any:
        return vectors.copy()


class DividesByZero(Directions):
    def transform(self, vectors: Any) -> Any:
        return super().transform(vectors) * np.float32(np.nan)


class RemembersOnly(Directions):
    def fit(self, vectors: Any, classes: Any, dim: int, seed: int) -> None:
        super().fit(vectors, classes, dim, seed)
        self.reduced = super().transform(vectors)

    def transform(self, vectors: Any) -> Any:
        return self.reduced


class CentresTheBatch(Directions):
    def transform(self, vectors: Any) -> Any:
        return super().transform(vectors - vectors.mean(axis=0))


class StartsFromLast(Directions):
    def fit(self, vectors: Any, classes: Any, dim: int, seed: int) -> None:
        before = getattr(self, "mean", 0)
        super().fit(vectors, classes, dim, seed)
        self.mean = self.mean + before


class Unseeded(Directions):
    def fit(self, vectors: Any, classes: Any, dim: int, seed: int) -> None:
        super().fit(vectors, classes, dim, seed)
        self.directions = np.random.default_rng().normal(size=(dim, vectors.shape[1]))


class CentresInPlace(Directions):
    def fit(self, vectors: Any, classes: Any, dim: int, seed: int) -> None:
        vectors -= vectors.mean(axis=0)
        super().fit(vectors, classes, dim, seed)


class TransformsInPlace(Directions):
    def transform(self, vectors: Any) -> Any:
        vectors *= 1
        return super().transform(vectors)


WRONG: list[tuple[type[Reducer], str, str]] = [
    (KeepsEverything, "test_gives_the_wanted_dimensions", r"must have shape \(60, 4\)"),
    (DividesByZero, "test_gives_the_wanted_dimensions", "must be finite"),
    (RemembersOnly, "test_reduces_unseen_rows", "7 unseen rows must have shape"),
    (CentresTheBatch, "test_a_row_does_not_depend_on_its_neighbours", "alone and together"),
    (StartsFromLast, "test_refit_equals_a_fresh_fit", "fitted again and fresh"),
    (Unseeded, "test_another_process_gives_the_same", "derive randomness from the seed"),
    (CentresInPlace, "test_input_is_left_unmodified", "fit writes to its input"),
    (TransformsInPlace, "test_input_is_left_unmodified", "transform writes to its input"),
]


@pytest.mark.parametrize("check", checks(ReducerConformance))
def test_the_right_one_passes(check: str) -> None:
    try_check(ReducerConformance, Directions, check)


@pytest.mark.parametrize(("wrong", "check", "message"), WRONG)
def test_a_wrong_one_fails(wrong: type[Reducer], check: str, message: str) -> None:
    must_fail(ReducerConformance, wrong, check, message)


def test_every_check_has_a_wrong_one() -> None:
    assert {check for _, check, _ in WRONG} == own_checks(ReducerConformance)
