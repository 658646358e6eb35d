"""Pictures of hit rates by groups of prompts: one panel a recommender, the others behind it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from textwrap import wrap
from typing import Any

from benchkit.analysis.questions import QUESTIONS
from benchkit.analysis.rates import Analysis, Breakdown
from benchkit.toolkit.pictures import altair, save
from benchkit.toolkit.texts import visible

_OWN, _OTHERS = "#0072b2", "#c8c8c8"  # told apart by every eye, and in print without colours
_LABEL = 30  # characters of a line above a panel
_LINES = r"split(datum.label, '\n')"  # Vega-Lite draws an array as lines
_COLUMNS = (4, 5, 3)  # whichever leaves the fewest places empty, the first of equals


def draw(analysis: Analysis, folder: Path) -> list[Path]:
    """Draw one picture a question into `folder`, as SVG and PNG, and return the files.

    Raises:
        UnavailableError: the extra ``report`` is not installed.
        StorageError: the folder cannot be written.
    """
    name = analysis.table.dataset
    charts = {
        f"{name}-hit-rate-by-{breakdown.question}": chart(analysis, breakdown)
        for breakdown in analysis.breakdowns
    }
    return save(charts, folder)


def chart(analysis: Analysis, breakdown: Breakdown, data: Any = None) -> Any:
    """Return the chart of one question.

    Args:
        analysis: all questions.
        breakdown: the one.
        data: what stands for its points; None for the points themselves.

    Raises:
        UnavailableError: the extra ``report`` is not installed.
    """
    alt = altair()
    labels = ["\n".join(wrap(visible(row.label), _LABEL)) for row in analysis.table.rows]
    sizes = zip(breakdown.groups, breakdown.prompts, strict=True)
    names = [f"{group.label} ({prompts:,.0f})" for group, prompts in sizes]
    x = alt.X("group:O", sort=names, title=None, axis=alt.Axis(labelAngle=-45))
    y = alt.Y("rate:Q", title=f"HR@{breakdown.k}", axis=alt.Axis(tickCount=5))
    base = alt.Chart().encode(x=x, y=y)
    others = base.transform_filter("!datum.own").encode(detail="of:N")
    own = base.transform_filter("datum.own")
    dashed = own.mark_line(color=_OWN, strokeDash=[4, 3]).encode(y="uncut:Q")
    joined = "datum.joined"  # a group of its own kind stands apart
    layers = alt.layer(
        others.transform_filter(joined).mark_line(color=_OTHERS, strokeWidth=1),
        others.transform_filter(f"!{joined}").mark_tick(color=_OTHERS, size=12),
        own.transform_filter(joined).mark_line(color=_OWN, strokeWidth=2),
        *([dashed] if breakdown.uncut else []),
        own.mark_rule(color=_OWN, strokeWidth=1.5).encode(y="low:Q", y2="high:Q"),
        own.mark_point(color=_OWN, filled=True, size=36, opacity=1),
    ).properties(width=190, height=130)
    if data is None:
        data = alt.Data(values=list(_points(breakdown, labels, names)))
    header = alt.Header(title=None, labelFontWeight="bold", labelFontSize=12, labelExpr=_LINES)
    return layers.facet(
        facet=alt.Facet("panel:N", sort=labels, header=header),
        columns=min(_COLUMNS, key=lambda columns: -len(labels) % columns),
        data=data,
        title=_title(analysis, breakdown),
    )


def _title(analysis: Analysis, breakdown: Breakdown) -> dict[str, Any]:
    question = QUESTIONS[breakdown.question]
    return {
        "text": f"{analysis.table.dataset}: HR@{breakdown.k} {question.title}",
        "subtitle": [
            f"Across: {question.unit}; in brackets the number of prompts.",
            "Bars: 95 % intervals. Grey: the other recommenders."
            + " Dashed: the same prompts, whole." * bool(breakdown.uncut),
        ],
        "anchor": "start",
        "offset": 16,
        "fontSize": 15,
    }


def _points(breakdown: Breakdown, labels: list[str], names: list[str]) -> Iterator[dict[str, Any]]:
    """Yield each recommender's figures once for every panel, its own with intervals."""
    for panel in labels:
        for label, (key, row) in zip(labels, breakdown.rates.items(), strict=True):
            whole = breakdown.uncut.get(key, row)
            for group, name, rate, uncut in zip(breakdown.groups, names, row, whole, strict=True):
                yield {
                    "panel": panel,
                    "of": label,
                    "own": label == panel,
                    "joined": group.label[0].isdigit(),
                    "group": name,
                    "rate": rate.value,
                    "low": rate.low,
                    "high": rate.high,
                    "uncut": uncut.value,
                }
