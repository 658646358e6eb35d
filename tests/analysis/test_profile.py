"""Numbers of a dataset's portrait, worked by hand, and its pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.distance import pdist

from benchkit.analysis.profile import affinity, distances, portrait
from benchkit.analysis.profile_pictures import _box, draw
from benchkit.contracts.arrays import Float32
from benchkit.contracts.sessions import Sessions
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


def test_distances_are_the_mean_euclidean_ones_of_a_sessions_pairs() -> None:
    vectors = np.array([UP, RIGHT, UP, NOTHING], dtype=np.float32)
    # UP to RIGHT is the root of 4 + 9. Of [0, 1, 2] two pairs of three are that far apart.
    sessions = Sessions.from_lists([[0, 1], [0, 2], [0, 1, 2], [0, 3], [1], [1, 0]])
    far = 13**0.5
    assert distances(sessions, vectors) == pytest.approx([far, 0, far * 2 / 3, far])


@given(
    arrays(np.float32, (6, 3), elements=st.floats(0.5, 4, width=32)),
    st.lists(st.lists(st.integers(0, 5), min_size=2, max_size=6), min_size=1, max_size=9),
)
def test_distances_agree_with_scipy(vectors: Float32, sessions: list[list[int]]) -> None:
    expected = [pdist(vectors[items].astype(np.float64)).mean() for items in sessions]
    found = distances(Sessions.from_lists(sessions), vectors)
    assert found == pytest.approx(expected, abs=1e-6)


def test_coherent_sessions_are_closer_than_chance() -> None:
    vectors = np.eye(10, dtype=np.float32)
    subject = portrait(prepared([[item] * 5 for item in range(10)] * 20), vectors)
    assert subject.affinity == pytest.approx(np.ones(200))
    assert subject.distances == pytest.approx(np.zeros(200))
    assert subject.affinity_by_chance is not None
    assert np.mean(subject.affinity_by_chance) == pytest.approx(0.1, abs=0.05)
    assert subject.distances_by_chance is not None
    assert np.mean(subject.distances_by_chance) == pytest.approx(0.9 * 2**0.5, abs=0.05)


def test_pictures_of_several_datasets_are_drawn(tmp_path: Path) -> None:
    for extra in ("altair", "vl_convert"):
        pytest.importorskip(extra, reason="needs the extra report")
    data = prepared([[0, 1, 2], [1, 2], [2, 0, 1, 1]] * 10)
    long = prepared([[0] * 900, [1]])
    paths = draw(
        {"made": portrait(data, np.eye(3, dtype=np.float32)), "<b>": portrait(long)}, tmp_path
    )
    assert sorted(path.name for path in paths) == [
        f"made-<b>-{what}.{suffix}"
        for what in ("affinity", "distances", "lengths", "popularity")
        for suffix in ("png", "svg")
    ]
    for path in paths:
        start = path.read_bytes()[:8]
        assert start.startswith(b"<svg" if path.suffix == ".svg" else b"\x89PNG")
    lengths = (tmp_path / "made-<b>-lengths.svg").read_text(encoding="utf-8")
    assert ">900<" in lengths  # the longest session is within, not clipped
    assert "&lt;b&gt;" in lengths


def test_whiskers_end_with_the_last_value_within_one_and_a_half_boxes() -> None:
    values = np.array([0.0, 10, 11, 12, 13, 14, 30])
    assert _box(values) == {"least": 10, "low": 10.5, "middle": 12, "high": 13.5, "most": 14}
