"""A dataset's portrait: popularity, lengths, semantic affinity (paper, Figures 11 and 12)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchkit.contracts.dataset import PreparedDataset
from benchkit.contracts.metric import Float64
from benchkit.contracts.recommender import Float32
from benchkit.contracts.sessions import Int64, Sessions
from benchkit.pictures import altair, save
from benchkit.vectors import normalised

_QUANTILES = {"5 %": 0.05, "25 %": 0.25, "median": 0.5, "75 %": 0.75, "95 %": 0.95}


@dataclass(frozen=True, eq=False)
class Portrait:
    """What the pictures show.

    Attributes:
        popularity: interactions of each item, most popular first, ``int64[items]``.
        lengths: interactions of each session, ``int64[sessions]``.
        affinity: semantic affinity of each session of two items or more, ``float64[...]``; None
            without embeddings.
        chance: the same for sessions of equal lengths whose items are drawn at random by
            popularity; None without embeddings.
    """

    popularity: Int64
    lengths: Int64
    affinity: Float64 | None = None
    chance: Float64 | None = None

    def rows(self) -> list[tuple[str, str]]:
        """Return (label, value) pairs as `benchkit data info` prints them."""
        total = self.popularity.sum()
        rows = [
            (f"interactions with the top {share:.0%} of the items", f"{part / total:.1%}")
            for share in (0.01, 0.1, 0.25)
            if (part := self.popularity[: max(1, round(share * len(self.popularity)))].sum())
        ]
        rows += _quantiles("interactions a session", self.lengths, "{:,.0f}")
        if self.affinity is not None and self.chance is not None:
            rows += _quantiles("semantic affinity of a session", self.affinity, "{:.3f}")
            rows += [("the same by chance, median", f"{np.median(self.chance):.3f}")]
        return rows


def portrait(prepared: PreparedDataset, vectors: Float32 | None = None) -> Portrait:
    """Return a dataset's portrait.

    Args:
        prepared: the data.
        vectors: embeddings of the items, ``float32[items, dim]``, zero where an item has none.
    """
    counts = prepared.item_counts()
    popularity, lengths = np.sort(counts)[::-1], prepared.sessions.lengths
    if vectors is None:
        return Portrait(popularity, lengths)
    rng = np.random.default_rng(0)
    drawn = rng.choice(len(counts), prepared.sessions.interactions, p=counts / counts.sum())
    shuffled = Sessions(
        drawn.astype(np.int32),
        prepared.sessions.offsets,
        prepared.sessions.times,
        prepared.sessions.ids,
    )
    return Portrait(
        popularity, lengths, affinity(prepared.sessions, vectors), affinity(shuffled, vectors)
    )


def affinity(sessions: Sessions, vectors: Float32) -> Float64:
    """Return the mean cosine similarity of each session's pairs of interactions.

    Sessions with fewer than two embedded interactions are left out.

    Args:
        sessions: the sessions.
        vectors: embeddings of the items, ``float32[items, dim]``, zero where an item has none.
    """
    units = normalised(vectors)
    has_text = np.asarray(units.any(axis=1))
    embedded = sessions.where(has_text[sessions.items])
    counts = embedded.lengths
    kept = embedded.take(np.flatnonzero(counts >= 2))
    sums = np.zeros((len(kept), units.shape[1]))
    for start in range(0, len(kept), 4096):  # bounded memory, whatever the dimension
        part = kept.between(start, min(start + 4096, len(kept)))
        sums[start : start + len(part)] = np.add.reduceat(
            units[part.items].astype(np.float64), part.offsets[:-1], axis=0
        )
    # |sum of n unit vectors|^2 = n + twice the sum over pairs of their cosines.
    n = kept.lengths
    return np.asarray(((sums**2).sum(axis=1) - n) / (n * (n - 1)), dtype=np.float64)


def _quantiles(label: str, values: Int64 | Float64, style: str) -> list[tuple[str, str]]:
    found = np.quantile(values, list(_QUANTILES.values()))
    return [
        (f"{label}, {name}", style.format(value))
        for name, value in zip(_QUANTILES, found, strict=True)
    ]


def draw(subject: Portrait, name: str, folder: Path) -> list[Path]:
    """Draw the portrait into `folder` as SVG and PNG and return the files.

    Raises:
        UnavailableError: the extra ``report`` is not installed.
        StorageError: the folder cannot be written.
    """
    charts = {f"{name}-{what}": chart for what, chart in _charts(subject, name).items()}
    return save(charts, folder)


def _charts(subject: Portrait, name: str) -> Mapping[str, Any]:
    ranks = _thinned(len(subject.popularity))
    longest = int(np.quantile(subject.lengths, 0.99))
    charts = {
        "popularity": _line(
            {"item rank": ranks + 1, "interactions": subject.popularity[ranks]},
            f"{name}: interactions by popularity rank",
        ),
        "lengths": _histogram(
            {"sessions": np.minimum(subject.lengths, longest)},
            np.arange(subject.lengths.min(), longest + 2) - 0.5,
            f"interactions a session (the longest 1 % counted at {longest})",
            f"{name}: session lengths",
        ),
    }
    if subject.affinity is not None and subject.chance is not None:
        both = np.concatenate((subject.affinity, subject.chance))
        charts["affinity"] = _histogram(
            {"sessions": subject.affinity, "by chance": subject.chance},
            np.linspace(both.min(), both.max(), 51),
            "mean cosine similarity of a session's items",
            f"{name}: semantic affinity of sessions",
        )
    return charts


def _thinned(count: int, points: int = 500) -> Int64:
    """Return at most `points` ranks, evenly spread on a logarithmic axis."""
    return np.unique(np.geomspace(1, count, points).astype(np.int64)) - 1


def _line(columns: Mapping[str, Any], title: str) -> Any:
    alt = altair()
    x, y = columns
    scale = alt.Scale(type="log", nice=False)
    data = [
        {key: float(values[row]) for key, values in columns.items()}
        for row in range(len(columns[x]))
    ]
    return (
        alt.Chart(alt.Data(values=data), title=title, width=480, height=300)
        .mark_line()
        .encode(alt.X(f"{x}:Q", scale=scale), alt.Y(f"{y}:Q", scale=scale))
    )


def _histogram(groups: Mapping[str, Any], edges: Float64, label: str, title: str) -> Any:
    alt = altair()
    data = [
        {"from": float(low), "share": float(share), "of": group}
        for group, values in groups.items()
        for low, share in zip(
            edges, [*np.histogram(values, edges)[0] / len(values), 0.0], strict=True
        )
    ]
    return (
        alt.Chart(alt.Data(values=data), title=title, width=480, height=300)
        .mark_area(opacity=0.5, interpolate="step-after", line=True)
        .encode(
            alt.X("from:Q", title=label, scale=alt.Scale(nice=False)),
            alt.Y("share:Q", stack=None, title="share of sessions", axis=alt.Axis(format="%")),
            alt.Color("of:N", title=None, legend=alt.Legend() if len(groups) > 1 else None),
        )
    )
