"""PCA, on vectors whose main directions are known."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pytest

from benchkit_plugins.reducers.pca import PCA
from tests.conforming import ReducerConformance
from tests.reducers.reducing import reduced


class TestConformance(ReducerConformance):
    component = PCA


def test_directions_by_descending_variance() -> None:
    # Around the mean (10, 20, 30): 3 along the second axis, 1 along the first, 0 along the third.
    vectors = np.array([[10, 17, 30], [10, 23, 30], [9, 20, 30], [11, 20, 30]], dtype=np.float32)
    assert reduced(PCA, vectors, 2) == pytest.approx(
        np.array([[-3, 0], [3, 0], [0, -1], [0, 1]]), abs=1e-6
    )


def test_as_the_singular_value_decomposition() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(200, 30)) * np.linspace(3, 0.1, 30)
    found = reduced(PCA, vectors.astype(np.float32), 7)
    left, sizes, _ = np.linalg.svd(vectors - vectors.mean(axis=0), full_matrices=False)
    assert np.abs(found) == pytest.approx(np.abs(left[:, :7] * sizes[:7]), abs=1e-4)


def test_signs_do_not_depend_on_the_order_of_rows() -> None:
    vectors = np.random.default_rng(1).normal(size=(50, 6)).astype(np.float32)
    assert reduced(PCA, vectors[::-1].copy(), 6)[::-1] == pytest.approx(
        reduced(PCA, vectors, 6), abs=1e-4
    )


def test_more_dimensions_than_there_are(caplog: pytest.LogCaptureFixture) -> None:
    vectors = np.random.default_rng(2).normal(size=(20, 5)).astype(np.float32)
    with caplog.at_level(logging.WARNING):
        assert reduced(PCA, vectors, 9).shape == (20, 5)
    assert caplog.messages == ["pca: the embeddings have 5 dimensions, not 9: all are kept"]


def test_fewer_vectors_than_dimensions() -> None:
    vectors = np.random.default_rng(3).normal(size=(3, 8)).astype(np.float32)
    found = reduced(PCA, vectors, 5)
    assert found.shape == (3, 5)
    assert found[:, 2:] == pytest.approx(np.zeros((3, 3)), abs=1e-5)


def test_parts_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = np.random.default_rng(4).normal(size=(50, 6)).astype(np.float32)
    whole: Any = reduced(PCA, vectors, 3)
    monkeypatch.setattr("benchkit_plugins.reducers.shared.scatter._BATCH", 7)
    assert reduced(PCA, vectors, 3) == pytest.approx(whole, abs=1e-5)
