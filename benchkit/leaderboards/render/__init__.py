"""Renderings of tables: `layout` decides what stands where, one module a format how it looks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from benchkit.leaderboards.render.columns import Column, available, default_sort, pick, sort_rows
from benchkit.leaderboards.tables import Table

__all__ = ["Column", "available", "pick", "sort_rows", "sorted_tables"]


def sorted_tables(tables: Iterable[Table]) -> list[Table]:
    """Return tables whose rows are sorted by the first metric at the largest cutoff."""
    return [
        replace(table, rows=sort_rows(table.rows, default_sort(available(table), table.rows)))
        for table in tables
    ]
