"""Pictures as Vega-Lite, which the page draws: specifications whose points the script fills in."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from benchkit.analysis.pictures import chart as breakdown_chart
from benchkit.analysis.profile import Portrait
from benchkit.analysis.profile_pictures import charts as portrait_charts
from benchkit.analysis.rates import Analysis, Breakdown
from benchkit.toolkit.pictures import altair
from benchkit.tuning.review import Review
from benchkit.tuning.review import chart as review_chart

POINTS = "points"  # name of the data that the script gives
X_TITLE, Y_TITLE = "X-TITLE", "Y-TITLE"  # which it replaces
# Seen well on light and on dark ground.
_POINT, _FRONT = "#2f86c9", "#d9730d"
_FOR_EITHER = {"#0072b2": _POINT, "#c8c8c8": "#80808070", "#d55e00": _FRONT}  # those of files
# A panel a row, with all others in it: more than these show nothing.
_MOST_PANELS = 30


def bundle() -> str:
    """Return Vega, Vega-Lite and Vega-Embed as one script, from the package that draws offline."""
    altair()
    import vl_convert

    return str(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;"))


@cache
def front(scale: str) -> dict[str, Any]:
    """Return the picture of one column against another, with the Pareto front.

    Args:
        scale: of the axis across, ``linear`` or ``log``.
    """
    alt = altair()
    across = {"type": "log"} if scale == "log" else {"zero": False}
    base = alt.Chart().encode(
        x=alt.X("x:Q", title=X_TITLE, scale=alt.Scale(**across, padding=14)),
        y=alt.Y("y:Q", title=Y_TITLE, scale=alt.Scale(zero=False, padding=14)),
    )
    own = base.transform_filter("datum.front")
    tooltip = [alt.Tooltip("label:N"), alt.Tooltip("x:Q"), alt.Tooltip("y:Q")]
    layers = alt.layer(
        own.mark_line(color=_FRONT, strokeDash=[5, 3], strokeWidth=1.5),
        base.mark_point(filled=True, size=70, opacity=0.9).encode(
            color=alt.condition("datum.front", alt.value(_FRONT), alt.value(_POINT)),
            shape=alt.condition("datum.front", alt.value("diamond"), alt.value("circle")),
            tooltip=tooltip,
        ),
        base.transform_filter("datum.chosen").mark_point(
            size=260, color=_FRONT, strokeWidth=2, opacity=1
        ),
        base.transform_filter("datum.front || datum.chosen")
        .mark_text(
            align=alt.expr("datum.right ? 'right' : 'left'"),
            dx=alt.expr("datum.right ? -9 : 9"),
            dy=-9,
        )
        .encode(text="label:N"),
    )
    named = layers.properties(data=alt.NamedData(POINTS), width="container", height=320)
    return _plain(named)


def breakdown(analysis: Analysis, one: Breakdown) -> dict[str, Any] | None:
    """Return the picture of one break-down, its points left out; None with too many rows."""
    if len(one.rates) > _MOST_PANELS:
        return None
    picture = _plain(breakdown_chart(analysis, one, altair().NamedData(POINTS)))
    del picture["title"]  # the page has it as a heading
    return picture


def portraits(shapes: Mapping[str, Portrait]) -> list[dict[str, Any]]:
    """Return the pictures of data: popularity of items, lengths of sessions."""
    return [_plain(chart) for chart in portrait_charts(shapes).values()]


def search(review: Review) -> dict[str, Any]:
    """Return the picture of a study."""
    return _plain(review_chart(review))


def _plain(chart: Any) -> dict[str, Any]:
    """Return a chart in the page's colours, without the address of its schema."""
    content = chart.to_dict(validate=False)
    plain: dict[str, Any] = _recoloured({**content, "config": {}})
    del plain["config"], plain["$schema"]
    return plain


def _recoloured(part: Any) -> Any:
    if isinstance(part, dict):
        return {key: _recoloured(value) for key, value in part.items()}
    if isinstance(part, list):
        return [_recoloured(value) for value in part]
    return _FOR_EITHER.get(part, part) if isinstance(part, str) else part
