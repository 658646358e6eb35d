"""LDA: separation of classes, and how many dimensions that allows."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from benchkit import UnavailableError
from benchkit_plugins.reducers.lda import LDA
from tests.conforming import ReducerConformance
from tests.reducers.reducing import reduced

RNG = np.random.default_rng(0)
CLASSES = np.arange(90) % 3
VECTORS = (RNG.normal(size=(90, 8)) + 2 * np.eye(8)[CLASSES]).astype(np.float32)


class TestConformance(ReducerConformance):
    component = LDA


def test_tells_classes_apart_that_variance_hides() -> None:
    # The first axis varies a hundredfold, the second separates the classes.
    noise = RNG.normal(size=(40, 2)) * [100, 1]
    classes = np.arange(40) % 2
    found = reduced(LDA, (noise + [[0, 9]] * classes[:, None]).astype(np.float32), 1, classes)
    assert found.shape == (40, 1)
    low, high = sorted((found[classes == 0], found[classes == 1]), key=lambda part: part.mean())
    assert low.max() < high.min()


def test_as_scikit_learn() -> None:
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    theirs = LinearDiscriminantAnalysis(n_components=2).fit_transform(VECTORS, CLASSES)
    ours = reduced(LDA, VECTORS, 2, CLASSES)
    assert np.abs(ours) / np.linalg.norm(ours) == pytest.approx(
        np.abs(theirs) / np.linalg.norm(theirs), abs=1e-5
    )


def test_at_most_classes_less_one(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert reduced(LDA, VECTORS, 5, CLASSES).shape == (90, 2)
    assert caplog.messages == ["lda: 3 classes allow 2 dimensions, not 5"]


def test_no_warning_where_dimensions_suffice(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert reduced(LDA, VECTORS, 1, CLASSES).shape == (90, 1)
    assert not caplog.messages


def test_items_without_class_are_reduced_but_not_learnt_from() -> None:
    odd = np.concatenate((VECTORS, np.full((5, 8), 1e6, dtype=np.float32)))
    classes = np.concatenate((CLASSES, np.full(5, -1)))
    found = reduced(LDA, odd, 2, classes)
    assert found.shape == (95, 2)
    assert found[:90] == pytest.approx(reduced(LDA, VECTORS, 2, CLASSES), abs=1e-5)


def test_directions_that_do_not_vary_are_left_out() -> None:
    twice = np.concatenate((VECTORS, VECTORS, np.ones((90, 1), dtype=np.float32)), axis=1)
    found, once = reduced(LDA, twice, 2, CLASSES), reduced(LDA, VECTORS, 2, CLASSES)
    assert np.abs(found) == pytest.approx(np.abs(once), abs=1e-3)


@pytest.mark.parametrize("classes", [[-1] * 90, [4] * 90, [-1] * 89 + [0], list(range(90))])
def test_classes_that_separate_nothing_are_refused(classes: list[int]) -> None:
    with pytest.raises(UnavailableError, match="lda: it needs two classes"):
        reduced(LDA, VECTORS, 2, classes)
