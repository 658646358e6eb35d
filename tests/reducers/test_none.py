"""No reduction."""

from __future__ import annotations

import numpy as np

from benchkit_plugins.reducers.none import NoReduction
from tests.conforming import ReducerConformance
from tests.reducers.reducing import reduced

VECTORS = np.arange(12, dtype=np.float32).reshape(3, 4)


class TestConformance(ReducerConformance):
    component = NoReduction


def test_vectors_stay_as_they_are() -> None:
    for dim in (4, 9):
        assert (reduced(NoReduction, VECTORS, dim) == VECTORS).all()


def test_fewer_dimensions_are_the_first() -> None:
    assert (reduced(NoReduction, VECTORS, 2) == VECTORS[:, :2]).all()


def test_the_result_is_a_copy() -> None:
    reduced(NoReduction, VECTORS, 4)[:] = 0
    assert VECTORS.any()
