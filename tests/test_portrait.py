"""Numbers of a dataset's portrait, worked by hand, and its pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchkit.contracts.sessions import Sessions
from benchkit.portrait import affinity, draw, portrait
from tests.making import prepared

UP, RIGHT, NOTHING = [0.0, 2.0], [3.0, 0.0], [0.0, 0.0]


def test_affinity_is_the_mean_cosine_of_a_sessions_pairs() -> None:
    vectors = np.array([UP, RIGHT, UP, NOTHING], dtype=np.float32)
    # [0, 2]: one pair, cosine 1. [0, 1, 2]: pairs 0, 1, 0. [0, 3] and [1] have no pair left.
    sessions = Sessions.from_lists([[0, 2], [0, 1, 2], [0, 3], [1]])
    assert affinity(sessions, vectors) == pytest.approx([1, 1 / 3])


def test_rows_say_how_popularity_and_lengths_are_spread() -> None:
    # Item 0 has 6 of 10 interactions; 10 % and 25 % of four items are one item.
    subject = portrait(prepared([[0, 0, 0, 1], [0, 0, 2], [0, 3], [1]]))
    rows = dict(subject.rows())
    assert rows["interactions with the top 10% of the items"] == "60.0%"
    assert rows["interactions with the top 25% of the items"] == "60.0%"
    assert rows["interactions a session, median"] == "2"
    assert list(subject.popularity) == [6, 2, 1, 1]
    assert subject.affinity is None


def test_coherent_sessions_have_more_affinity_than_chance() -> None:
    vectors = np.eye(10, dtype=np.float32)
    subject = portrait(prepared([[item] * 5 for item in range(10)] * 20), vectors)
    assert subject.affinity is not None
    assert subject.chance is not None
    assert subject.affinity == pytest.approx(np.ones(200))
    assert np.mean(subject.chance) == pytest.approx(0.1, abs=0.05)


def test_pictures_are_drawn(tmp_path: Path) -> None:
    for extra in ("altair", "vl_convert"):
        pytest.importorskip(extra, reason="needs the extra report")
    data = prepared([[0, 1, 2], [1, 2], [2, 0, 1, 1]] * 10)
    paths = draw(portrait(data, np.eye(3, dtype=np.float32)), "made", tmp_path)
    assert sorted(path.name for path in paths) == [
        f"made-{what}.{suffix}"
        for what in ("affinity", "lengths", "popularity")
        for suffix in ("png", "svg")
    ]
    for path in paths:
        start = path.read_bytes()[:8]
        assert start.startswith(b"<svg" if path.suffix == ".svg" else b"\x89PNG")
