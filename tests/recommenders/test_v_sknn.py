"""V-SKNN, on sessions worked by hand."""

from __future__ import annotations

from math import log, sqrt
from typing import Any, ClassVar

import pytest

from benchkit_plugins.recommenders.v_sknn import VSKNN
from tests.conforming import RecommenderConformance
from tests.recommenders.fitting import fitted, ranked, scores

# One session for each item of the prompt 0, 1, 2 and one for the last two together.
TRAIN = [[0, 3], [1, 4], [2, 5], [1, 2, 6]]


class TestConformance(RecommenderConformance):
    component = VSKNN
    config: ClassVar[dict[str, Any]] = {"sample_size": 20, "k": 10}


@pytest.mark.parametrize(
    ("decay", "second", "third"),
    [
        ("linear", 0.9, 0.8),
        ("log", 1 / (log(2) + 1), 1 / (log(3) + 1)),
        ("harmonic", 1 / 2, 1 / 3),
        ("quadratic", 1 / 4, 1 / 9),
    ],
)
def test_decays(decay: str, second: float, third: float) -> None:
    found = ranked(fitted(VSKNN, TRAIN, decay=decay), [0, 1, 2])
    assert dict(found) == scores({3: third, 4: second, 5: 1, 6: 1 + second})


def test_dot_and_harmonic_are_the_defaults() -> None:
    assert ranked(fitted(VSKNN, TRAIN), [0, 1, 2]) == ranked(
        fitted(VSKNN, TRAIN, decay="harmonic", similarity="dot"), [0, 1, 2]
    )


def test_linear_decay_never_reaches_zero() -> None:
    train = [[item, 20 + item] for item in range(12)]
    found = ranked(fitted(VSKNN, train, items=40, decay="linear"), list(range(12)), k=12)
    assert dict(found)[20] == pytest.approx(1e-4)
    assert dict(found)[22] == pytest.approx(0.1)


def test_cosine_divides_by_the_decayed_prompt_vector() -> None:
    norm = sqrt(1 + 1 / 4 + 1 / 9)
    found = ranked(fitted(VSKNN, TRAIN, similarity="cosine"), [0, 1, 2])
    assert dict(found) == scores(
        {
            3: 1 / 3 / (norm * sqrt(2)),
            4: 1 / 2 / (norm * sqrt(2)),
            5: 1 / (norm * sqrt(2)),
            6: 1.5 / (norm * sqrt(3)),
        }
    )


def test_distance_counts_distinct_trained_items() -> None:
    # 8 and 9 are untrained and 1 stands at its first place, so 2 is last and 1 before it.
    model = fitted(VSKNN, TRAIN)
    assert ranked(model, [0, 1, 8, 2, 1, 9]) == ranked(model, [0, 1, 2])
