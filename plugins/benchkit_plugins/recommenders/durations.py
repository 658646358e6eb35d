"""Durations for people."""

from __future__ import annotations


def show_time(seconds: float) -> str:
    """Return a duration for people: ``40 s``, ``3 min``, ``2.5 h``."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
