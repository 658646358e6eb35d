"""Comparisons of rows, as sheets for the terminal, as CSV and as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from benchkit.analysis.compare import Comparison, Gain
from benchkit.leaderboards.inference import LEVEL, PERMUTATIONS
from benchkit.leaderboards.render.columns import Column, heading_of, short
from benchkit.leaderboards.render.csv import about, document
from benchkit.leaderboards.render.sheet import Cell, Line, Sheet

_HEADINGS = (
    "First",
    "Second",
    "Diff.",
    "95\u00a0%\u00a0interval",
    "p",
    "Effect",
    "Won/tied/lost",
)
_METHOD = (
    "Diff.: first less second, with its 95 % interval by bootstrap over sessions and runs. "
    f"p: paired permutation test ({PERMUTATIONS:,} permutations), not corrected for other metrics "
    "or rows; `benchkit leaderboard` corrects for a whole table. Effect: the difference in standard"
    " deviations of the sessions' differences. Won: sessions in which the first is better."
)
_ONE_RUN = "Of a row with one run the variance over seeds is not known."
_GAINS = (
    "Gain: first over second, less one, with its 95 % interval by bootstrap over sessions and runs "
    "(paper 7.2)."
)
_MEAN = "Mean: of the gains above, each counting alike."


def sheet_of(comparison: Comparison) -> Sheet:
    """Return two rows' comparison, a line a metric."""
    table = comparison.table
    sheet = Sheet(
        f"{table.dataset}, {table.protocol['name']} protocol: {comparison.first.label} against "
        f"{comparison.second.label}",
        "",
        [_METHOD, *([_ONE_RUN] if _has_one_run(comparison) else []), _groups(comparison)],
        [_column(heading) for heading in _HEADINGS],
    )
    for part in comparison.differences:
        low, high = part.interval
        texts = (
            short(part.first),
            short(part.second),
            signed(part.difference),
            f"[{short(low)}, {short(high)}]",
            _p(part.p),
            f"{part.effect:+.2f}",
            f"{part.won:,}/{part.tied:,}/{part.lost:,}",
        )
        sheet.lines.append(Line(heading_of(part.metric), [Cell(text) for text in texts]))
    return sheet


def _has_one_run(comparison: Comparison) -> bool:
    return min(len(comparison.first.runs), len(comparison.second.runs)) == 1


def _groups(comparison: Comparison) -> str:
    metric = heading_of(comparison.differences[0].metric)
    if comparison.no_groups:
        return f"Groups of sessions are not compared: {comparison.no_groups}."
    how = f"(Holm's correction over all groups, level {LEVEL})"
    if not comparison.groups:
        return f"In no group of `benchkit analyse` does {metric} differ {how}."
    parts = (
        f"{part.by} {part.group}: {signed(part.difference)} ({part.sessions:,} sessions, "
        f"p {_p(part.p)})"
        for part in comparison.groups
    )
    return f"Groups of `benchkit analyse` in which {metric} differs {how}: {'; '.join(parts)}."


def sheet_of_gains(gains: Sequence[Gain]) -> Sheet:
    """Return relative gains, a line a pair and dataset."""
    metrics = list(dict.fromkeys(gain.metric for gain in gains))
    lines = dict.fromkeys((gain.first, gain.second, gain.dataset) for gain in gains)
    figures = {(g.first, g.second, g.dataset, g.metric): g for g in gains}
    columns = [_column(heading_of(metric)) for metric in metrics]
    mean = [_MEAN] * any(not gain.dataset for gain in gains)
    sheet = Sheet("Relative gains", "", [_GAINS, *mean], columns)
    for first, second, dataset in sorted(lines, key=lambda line: line[2] == ""):
        cells = []
        for metric in metrics:
            gain = figures[first, second, dataset, metric]
            low, high = (f"{100 * end:+.1f}" for end in gain.interval)
            cells.append(Cell(f"{100 * gain.gain:+.1f} %", f"[{low}, {high}]"))
        label = f"{first} over {second}, {dataset}" if dataset else "mean"
        sheet.lines.append(Line(label, cells))
    return sheet


def csv_of(comparisons: Sequence[Comparison]) -> str:
    """Return a line a metric and comparison, at full precision."""
    return document(
        [
            {
                **about(comparison.table),
                "ties": " ".join(map(str, comparison.table.ties)),
                "first": comparison.first.label,
                "second": comparison.second.label,
                "metric": part.metric,
                "first mean": part.first,
                "second mean": part.second,
                "difference": part.difference,
                "low": part.interval[0],
                "high": part.interval[1],
                **{name: getattr(part, name) for name in ("p", "effect", "won", "tied", "lost")},
            }
            for comparison in comparisons
            for part in comparison.differences
        ]
    )


def csv_of_gains(gains: Sequence[Gain]) -> str:
    """Return a line a gain, at full precision."""
    return document(
        [
            {
                **{name: getattr(gain, name) for name in ("first", "second", "dataset", "metric")},
                "gain": gain.gain,
                "low": gain.interval[0],
                "high": gain.interval[1],
            }
            for gain in gains
        ]
    )


def json_of(comparison: Comparison) -> str:
    """Return all that a comparison says."""
    content = {
        **about(comparison.table),
        "ties": list(comparison.table.ties),
        "first": comparison.first.label,
        "second": comparison.second.label,
        "differences": [asdict(part) for part in comparison.differences],
        "groups": [asdict(part) for part in comparison.groups],
        "no_groups": comparison.no_groups,
    }
    return json.dumps(content, indent=1)


def json_of_gains(gains: Sequence[Gain]) -> str:
    """Return gains as a list of objects."""
    return json.dumps([asdict(gain) for gain in gains], indent=1)


def _column(heading: str) -> Column:
    return Column(heading, heading, "", lambda _row: None, short)


def _p(p: float) -> str:
    return "<.001" if p < 0.001 else f"{p:.3f}".removeprefix("0")


def signed(value: float) -> str:
    """Return four decimals with the sign."""
    text = short(value)
    return text if text.startswith("-") else f"+{text}"
