"""The paper's best values, as its online material prints them: a row a dataset family."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchkit.contracts.config import Value


def by_family(
    parameters: str, rows: Mapping[str, Sequence[Value]], **others: Value
) -> dict[str, dict[str, Value]]:
    """Return presets by dataset family.

    Args:
        parameters: names of those whose values the paper prints, a blank between two.
        rows: their values by family, in that order; None for the default.
        others: what is set beside them, in every family.
    """
    names = parameters.split()
    return {
        family: others | {n: v for n, v in zip(names, row, strict=True) if v is not None}
        for family, row in rows.items()
    }
