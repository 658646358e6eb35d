"""Durations as people read them."""

from __future__ import annotations

import pytest

from benchkit.toolkit.times import show_time


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0 s"),
        (3.24, "3.2 s"),
        (9.97, "10 s"),
        (90, "90 s"),
        (150, "2.5 min"),
        (1800, "30 min"),
        (7200, "2 h"),
        (260_000, "72 h"),
    ],
)
def test_a_duration_takes_two_digits(seconds: float, shown: str) -> None:
    assert show_time(seconds) == shown
