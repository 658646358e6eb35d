"""Tables for programs: everything, at full precision."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from benchkit.leaderboards.published import Comparison
from benchkit.leaderboards.significance import Significance
from benchkit.leaderboards.tables import Table


def render(tables: Sequence[tuple[Table, Significance, Comparison | None]]) -> str:
    """Return one table as an object, several as a list."""
    content = [plain(*part) for part in tables]
    return json.dumps(content[0] if len(content) == 1 else content, indent=1)


def plain(
    table: Table, significance: Significance, comparison: Comparison | None = None
) -> dict[str, Any]:
    """Return a table as plain data, with published figures where they were asked for."""
    content = table.as_dict()
    content["untested"] = significance.untested
    for entry, row in zip(content["rows"], table.rows, strict=True):
        entry["significance"] = significance.as_dict(row.label)
    if comparison is None:
        return content
    content["published"] = comparison.plain(table)
    for entry, row in zip(content["rows"], table.rows, strict=True):
        entry.update(comparison.as_dict(row))
    return content
