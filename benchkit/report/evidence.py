"""What stands beside a table: when its rows hit, and what its data and their split are like."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from benchkit.analysis.hits import analyse
from benchkit.analysis.profile import Portrait, portrait
from benchkit.analysis.questions import GROUPINGS, QUESTIONS
from benchkit.analysis.rates import Analysis, Breakdown
from benchkit.contracts.errors import BenchkitError
from benchkit.data.open import statistics
from benchkit.data.split_card import SplitCard
from benchkit.evaluation.remeasure import split_of
from benchkit.leaderboards.tables import Table
from benchkit.toolkit.texts import visible

_CUTOFF = 20
Facts = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Profile:
    """What prepared data are like.

    Attributes:
        fingerprint: of the data.
        parts: facts under headings.
        warnings: sentences.
        shapes: what pictures show; None where the data are not at hand.
        absent: why they are not, "" if they are.
    """

    fingerprint: str
    parts: Sequence[tuple[str, Facts]] = ()
    warnings: Sequence[str] = ()
    shapes: Portrait | None = None
    absent: str = ""


def hit_rates(out: Path, table: Table) -> tuple[Analysis | None, str]:
    """Return hit rates by groups of prompts, and why there are none, or which rows lack.

    Args:
        out: folder of the leaderboards.
        table: its rows in the order shown.
    """
    here = [row for row in table.rows if all(run.identity.folder(out).is_dir() for run in row.runs)]
    if not here:
        return None, "the lists of its rows are not on the machine that made this page"
    k = min(_CUTOFF, max(run.identity.depth for row in here for run in row.runs))
    try:
        analysis = analyse(out, replace(table, rows=here, failures=[]), k, list(GROUPINGS))
    except BenchkitError as error:
        return None, str(error)
    lacking = [f"{visible(row.label)} ({row.reason})" for row in analysis.table.failures]
    elsewhere = len(table.rows) - len(here)
    lacking += [f"{elsewhere} whose lists are not on the machine that made this page"] * (
        elsewhere > 0
    )
    return analysis, f"Rows left out: {'; '.join(lacking)}." if lacking else ""


def plain_breakdown(one: Breakdown) -> dict[str, Any]:
    """Return what the picture of a break-down is drawn from."""
    return {
        "groups": [
            {"name": f"{group.label} ({count:,.0f})", "joined": group.label[:1].isdigit()}
            for group, count in zip(one.groups, one.prompts, strict=True)
        ],
        "rates": [
            [[float(f"{x:.4g}") for x in (rate.value, rate.low, rate.high)] for rate in row]
            for row in one.rates.values()
        ],
    }


def meaning(one: Breakdown) -> str:
    """Return what the groups of a break-down are."""
    return QUESTIONS[one.question].meaning


def title(one: Breakdown) -> str:
    """Return the heading of a break-down."""
    return f"HR@{one.k} {QUESTIONS[one.question].title}"


def split_card(table: Table) -> Facts:
    """Return what the split did, from the newest record alone."""
    names = [field.name for field in fields(SplitCard)]
    numbers = {name: table.split.get(name) for name in names}
    if all(isinstance(number, (int, float)) for number in numbers.values()):
        try:
            return SplitCard(**numbers).rows()  # type: ignore[arg-type]
        except (OSError, OverflowError, ValueError):  # a time that no calendar has
            pass
    return [(str(name).replace("_", " "), str(value)) for name, value in table.split.items()]


def profiles(tables: Sequence[Table]) -> list[Profile]:
    """Return what the data of some tables are like, once for each fingerprint."""
    first = {table.data["fingerprint"]: table for table in reversed(tables) if table.rows}
    return [_profile(table) for table in reversed(first.values())]


def _profile(table: Table) -> Profile:
    fingerprint = str(table.data["fingerprint"])
    try:
        prepared, split = split_of(table.rows[0].newest)
    except BenchkitError as error:
        return Profile(fingerprint, absent=str(error))
    shapes = portrait(prepared)
    parts = [
        ("Statistics", list(_statistics(statistics(prepared)))),
        ("Shapes", shapes.rows()),
        ("Left out", [(str(name), f"{count:,}") for name, count in prepared.dropped.items()]),
        ("Checks", [(str(name), f"{count:,}") for name, count in prepared.checks.items()]),
    ]
    warnings = [*prepared.warnings, *split.card.warnings()]
    return Profile(fingerprint, [part for part in parts if part[1]], warnings, shapes)


def _statistics(values: dict[str, float]) -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        yield name.replace("_", " "), f"{value:,}" if isinstance(value, int) else f"{value:.4g}"
