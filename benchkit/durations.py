"""Durations for people."""

from __future__ import annotations


def show_time(seconds: float) -> str:
    """Return a duration in two digits or so: ``3.2 s``, ``90 s``, ``2.5 min``, ``3 h``."""
    if seconds < 100:
        return f"{_short(seconds)} s"
    return f"{_short(seconds / 60)} min" if seconds < 6000 else f"{_short(seconds / 3600)} h"


def _short(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0") if value < 9.95 else f"{value:.0f}"
