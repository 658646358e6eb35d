"""Hit rates by groups of prompts, as sheets for terminal and Markdown, as CSV and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from benchkit.analysis.questions import QUESTIONS
from benchkit.analysis.rates import Analysis, Breakdown, Rate
from benchkit.leaderboards.render.columns import Column
from benchkit.leaderboards.render.csv import about, document
from benchkit.leaderboards.render.layout import lay_out
from benchkit.leaderboards.render.sheet import Cell, Line, Sheet
from benchkit.leaderboards.rows import Row

_WITHIN = "95 % within ±"
INTERVALS = (
    f"{_WITHIN}: half of Wilson's 95 % interval over the prompts of one run, the widest of the "
    "column; CSV and JSON have each figure's own. All rows answer the same prompts, so differences "
    "between them are surer than these intervals suggest."
)


def sheets(analysis: Analysis) -> Iterator[Sheet]:
    """Yield a sheet for each question; what all have in common is said on the last."""
    several = any(len(row.runs) > 1 for row in analysis.table.rows)
    averaged = ["Means over the runs of each row, prompts too."] if several else []
    for breakdown in analysis.breakdowns:
        sheet = _sheet(analysis, breakdown)
        meaning = QUESTIONS[breakdown.question].meaning
        if breakdown is analysis.breakdowns[-1]:
            sheet.caption = [meaning, INTERVALS, *averaged, *sheet.caption]
        else:
            sheet.caption, sheet.failures = [meaning], []
        yield sheet


def _sheet(analysis: Analysis, breakdown: Breakdown) -> Sheet:
    # No spreads, which are over runs; the last lines have what so few prompts allow.
    sheet = lay_out(analysis.table, _columns(breakdown))
    sheet.title = f"{sheet.title}: {_title(breakdown)}"
    _add_uncut(sheet, breakdown)
    parts = [list(breakdown.overall.values())]
    parts += [list(part) for part in zip(*breakdown.rates.values(), strict=True)]
    widest = [_three(max(rate.margin for rate in part)) for part in parts]
    sheet.lines.append(Line(_WITHIN, list(map(Cell, widest)), "published"))
    counts = [breakdown.total, *breakdown.prompts]
    sheet.lines.append(Line("prompts", [Cell(f"{count:,.0f}") for count in counts], "published"))
    return sheet


def _add_uncut(sheet: Sheet, breakdown: Breakdown) -> None:
    """Set below each row what it hits of the same prompts, whole."""
    lines = sheet.lines
    sheet.lines = []
    for line in lines:
        sheet.lines.append(line)
        if rates := breakdown.uncut.get(line.label):
            cells = [Cell(""), *(Cell(_three(rate.value)) for rate in rates)]
            sheet.lines.append(Line("uncut", cells, "published"))


def _title(breakdown: Breakdown) -> str:
    return f"HR@{breakdown.k} {QUESTIONS[breakdown.question].title}"


def _columns(breakdown: Breakdown) -> list[Column]:
    every = {label: (breakdown.overall[label], *row) for label, row in breakdown.rates.items()}
    labels = ["all", *(group.label for group in breakdown.groups)]
    return [_column(place, label, every) for place, label in enumerate(labels)]


def _column(place: int, label: str, rates: Mapping[str, Sequence[Rate]]) -> Column:
    def value(row: Row) -> float:
        return rates[row.label][place].value

    return Column(f"hits@{label}", label, "", value, _three, better=1)


def _three(value: float) -> str:
    return f"{value:.3f}".removeprefix("0")


def csv(analyses: Sequence[Analysis]) -> str:
    """Return a line for each question, row and group, at full precision."""
    return document([line for analysis in analyses for line in _lines(analysis)])


def _lines(analysis: Analysis) -> Iterator[dict[str, object]]:
    table = analysis.table
    for breakdown in analysis.breakdowns:
        for row in table.rows:
            for place, rate in enumerate(breakdown.rates[row.label]):
                group = breakdown.groups[place]
                yield {
                    **about(table),
                    "ties": " ".join(map(str, table.ties)),
                    "recommender": row.recommender,
                    "label": row.label,
                    "runs": len(row.runs),
                    "k": breakdown.k,
                    "by": breakdown.question,
                    # A word, else spreadsheets take 6-7 for the 6th of July.
                    "group": f"{breakdown.question} {group.label}",
                    "from": group.low,
                    "to": group.high,
                    "prompts": breakdown.prompts[place],
                    "hit rate": rate.value,
                    "low": rate.low,
                    "high": rate.high,
                    **_uncut(breakdown, row, place),
                }


def _uncut(breakdown: Breakdown, row: Row, place: int) -> dict[str, object]:
    rates = breakdown.uncut.get(row.label)
    return {"hit rate uncut": rates[place].value} if rates else {}


def plain(analysis: Analysis) -> dict[str, Any]:
    """Return everything as plain data, for JSON."""
    table = analysis.table
    return {
        "dataset": table.dataset,
        "data": dict(table.data),
        "protocol": dict(table.protocol),
        "k": analysis.k,
        "questions": [_plain(analysis, breakdown) for breakdown in analysis.breakdowns],
        "left_out": [{"label": row.label, "reason": row.reason} for row in table.failures],
    }


def _plain(analysis: Analysis, breakdown: Breakdown) -> dict[str, Any]:
    question = QUESTIONS[breakdown.question]
    groups = zip(breakdown.groups, breakdown.prompts, strict=True)
    return {
        "by": question.name,
        "title": _title(breakdown),
        "meaning": question.meaning,
        "groups": [
            {"label": group.label, "from": group.low, "to": group.high, "prompts": count}
            for group, count in groups
        ],
        "rows": [
            {
                "recommender": row.recommender,
                "label": row.label,
                "runs": len(row.runs),
                "ties": list(row.ties),
                "seeds": list(row.seeds),
                "all": asdict(breakdown.overall[row.label]),
                "hit_rates": list(map(asdict, breakdown.rates[row.label])),
                "uncut": list(map(asdict, breakdown.uncut.get(row.label, ()))),
            }
            for row in analysis.table.rows
        ],
    }
