"""Pictures of datasets, several side by side (paper, Figures 11 and 12)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np

from benchkit.analysis.profile import Portrait
from benchkit.contracts.arrays import Float64, Int64
from benchkit.toolkit.pictures import altair, save
from benchkit.toolkit.texts import visible

_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")  # for every eye
_CHANCE = "#999999"
_BINS = 60
_LEAST = 0.5  # of a logarithmic axis of counts, below a single one


def draw(portraits: Mapping[str, Portrait], folder: Path) -> list[Path]:
    """Draw portraits, by name of the dataset, side by side as SVG and PNG and return the files.

    Raises:
        UnavailableError: the extra ``report`` is not installed.
        StorageError: the folder cannot be written.
    """
    drawn = charts(portraits)
    return save({f"{'-'.join(portraits)}-{what}": chart for what, chart in drawn.items()}, folder)


def charts(portraits: Mapping[str, Portrait]) -> dict[str, Any]:
    """Return the charts of portraits side by side, by what they show.

    Raises:
        UnavailableError: the extra ``report`` is not installed.
    """
    shown = {visible(name): portrait for name, portrait in portraits.items()}
    charts = {
        "popularity": _popularity({name: data.popularity for name, data in shown.items()}),
        "lengths": _lengths({name: data.lengths for name, data in shown.items()}),
    }
    for what, label in (
        ("distances", "mean Euclidean distance of a session's items"),
        ("affinity", "mean cosine of a session's items"),
    ):
        values = {
            name: (getattr(data, what), getattr(data, f"{what}_by_chance"))
            for name, data in shown.items()
            if getattr(data, what) is not None and len(getattr(data, what))
        }
        if values:
            charts[what] = _distribution(values, label)
    return charts


def _popularity(popularity: Mapping[str, Int64]) -> Any:
    alt = altair()
    scale = alt.Scale(type="log", nice=False)
    data = [
        {"of": name, "rank": int(rank) + 1, "interactions": int(counts[rank])}
        for name, counts in popularity.items()
        for rank in _thinned(len(counts))
        if counts[rank]
    ]
    return (
        alt.Chart(alt.Data(values=data), title="Interactions by popularity rank")
        .mark_line()
        .encode(
            alt.X("rank:Q", title="rank of the item", scale=scale),
            alt.Y("interactions:Q", scale=scale),
            _colour(list(popularity)),
        )
        .properties(width=420, height=300)
    )


def _lengths(lengths: Mapping[str, Int64]) -> Any:
    """Return a histogram a dataset, counts on a logarithmic axis, every length within."""
    alt = altair()
    longest = max(int(values.max()) for values in lengths.values())
    width = ceil(longest / (2 * _BINS))
    edges = np.arange(1, longest + width + 1, width)
    data = list(_bins({name: np.histogram(v, edges)[0] for name, v in lengths.items()}, edges))
    unit = "interactions a session" + f" (bars of {width} lengths)" * (width > 1)
    bars = (
        alt.Chart()
        .mark_rect()
        .encode(
            alt.X("low:Q", title=unit, scale=alt.Scale(nice=False, zero=False)),
            alt.X2("high:Q"),
            alt.Y(
                "value:Q",
                title="sessions",
                scale=alt.Scale(type="log", domainMin=_LEAST),
                axis=alt.Axis(tickCount=5),
            ),
            alt.Y2("floor:Q"),
            _colour(list(lengths), legend=False),
        )
        .properties(width=300, height=260)
    )
    return _panels(bars, data, list(lengths), "Sessions by length")


def _distribution(values: Mapping[str, tuple[Float64, Float64]], label: str) -> Any:
    """Return a histogram a dataset, sessions drawn by chance behind it, and their box plots."""
    alt = altair()
    names = list(values)
    pooled = np.concatenate([part for pair in values.values() for part in pair])
    edges = np.linspace(pooled.min(), pooled.max() + 1e-9, _BINS + 1)
    x = alt.X("low:Q", title=label, scale=alt.Scale(nice=False, zero=False))
    y = alt.Y("value:Q", title="share of sessions", axis=alt.Axis(format="%"))
    base = alt.Chart().encode(x, y)
    own = base.transform_filter("!datum.chance").mark_rect(opacity=0.8)
    own = own.encode(alt.X2("high:Q"), alt.Y2("zero:Q"), _colour(names, legend=False))
    by_chance = base.transform_filter("datum.chance").mark_line(
        color=_CHANCE, interpolate="step-after"
    )
    data = []
    for chance in (0, 1):
        parts = {name: pair[chance] for name, pair in values.items()}
        shares = {name: np.histogram(part, edges)[0] / len(part) for name, part in parts.items()}
        data += [{**row, "chance": bool(chance)} for row in _bins(shares, edges)]
    panels = _panels(
        alt.layer(own, by_chance).properties(width=260, height=260),
        data,
        names,
        {
            "text": f"Sessions by {label}",
            "subtitle": [
                "Grey: items drawn by popularity.",
                "Whiskers: the last sessions within 1.5 heights of the box.",
            ],
        },
    )
    return alt.hconcat(panels, _boxes({name: own for name, (own, _) in values.items()}, label))


def _boxes(values: Mapping[str, Float64], label: str) -> Any:
    """Return box plots: quartiles, and whiskers to the last value within 1.5 times their range."""
    alt = altair()
    data = [{"of": name, **_box(part)} for name, part in values.items()]
    scale = alt.Scale(zero=False)
    base = alt.Chart(alt.Data(values=data)).encode(
        alt.X("of:N", title=None, sort=list(values), axis=alt.Axis(labelAngle=0))
    )
    return alt.layer(
        base.mark_rule().encode(alt.Y("least:Q", title=label, scale=scale), alt.Y2("most:Q")),
        base.mark_bar(size=40).encode(
            alt.Y("low:Q", scale=scale), alt.Y2("high:Q"), _colour(list(values), legend=False)
        ),
        base.mark_tick(color="white", size=40, thickness=2).encode(alt.Y("middle:Q", scale=scale)),
    ).properties(width=90 * len(values), height=260)


def _box(values: Float64) -> dict[str, float]:
    low, middle, high = np.quantile(values, (0.25, 0.5, 0.75)).tolist()
    reach = 1.5 * (high - low)
    inside = values[(values >= low - reach) & (values <= high + reach)]
    ends = {"least": float(inside.min()), "most": float(inside.max())}
    return {"low": low, "middle": middle, "high": high, **ends}


def _bins(counts: Mapping[str, Any], edges: Any) -> Iterator[dict[str, Any]]:
    """Yield the bins of histograms that hold something."""
    for name, values in counts.items():
        for low, high, value in zip(edges[:-1], edges[1:], values, strict=True):
            if value:
                bar = {"low": float(low), "high": float(high), "value": float(value)}
                yield {"of": name, **bar, "floor": _LEAST, "zero": 0.0}


def _panels(chart: Any, data: list[dict[str, Any]], names: list[str], title: Any) -> Any:
    alt = altair()
    header = alt.Header(title=None, labelFontWeight="bold", labelFontSize=12)
    column = alt.Column("of:N", sort=names, header=header)
    return chart.properties(data=alt.Data(values=data)).facet(column=column, title=title)


def _colour(names: list[str], *, legend: bool = True) -> Any:
    alt = altair()
    colours = [_COLOURS[place % len(_COLOURS)] for place in range(len(names))]
    shown = alt.Legend(title=None) if legend and len(names) > 1 else None
    return alt.Color("of:N", scale=alt.Scale(domain=names, range=colours), legend=shown)


def _thinned(count: int, points: int = 500) -> Int64:
    """Return at most `points` ranks, evenly spread on a logarithmic axis."""
    return np.unique(np.geomspace(1, count, points).astype(np.int64)) - 1
