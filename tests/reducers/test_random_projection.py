"""Gaussian random projection: lengths and distances survive on average."""

from __future__ import annotations

import numpy as np
import pytest

from benchkit_plugins.reducers.random_projection import RandomProjection
from tests.conforming import ReducerConformance
from tests.reducers.reducing import reduced

VECTORS = np.random.default_rng(0).normal(size=(30, 400)).astype(np.float32)


class TestConformance(ReducerConformance):
    component = RandomProjection


@pytest.mark.parametrize("dim", [300, 1000])
def test_distances_are_kept_on_average(dim: int) -> None:
    found = reduced(RandomProjection, VECTORS, dim)
    assert found.shape == (30, dim)
    before = np.linalg.norm(VECTORS[:-1] - VECTORS[1:], axis=1)
    after = np.linalg.norm(found[:-1] - found[1:], axis=1)
    assert (after / before).mean() == pytest.approx(1, abs=0.05)


def test_seeds_decide() -> None:
    one = reduced(RandomProjection, VECTORS, 5, seed=1)
    assert (one == reduced(RandomProjection, VECTORS, 5, seed=1)).all()
    assert (one != reduced(RandomProjection, VECTORS, 5, seed=2)).any()
