"""A picture of a study: the objective against each parameter, one small panel each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchkit.contracts.config import show_value
from benchkit.toolkit.pictures import altair, save
from benchkit.tuning.review import Review

_COLOUR, _BEST = "#0072b2", "#d55e00"
_COLUMNS = 3


def draw(review: Review, folder: Path) -> list[Path]:
    """Draw a study into `folder`, as SVG and PNG, and return the files.

    Raises:
        UnavailableError: the extra ``report`` is not installed.
        StorageError: the folder cannot be written.
    """
    alt = altair()
    panels = [_panel(alt, review, name) for name in review.about["space"]]
    chart = alt.concat(*panels, columns=_COLUMNS).properties(
        title={
            "text": f"{review.recommender} on {review.dataset}: {len(review.finished)} trials",
            "subtitle": f"{review.about['objective']}, total of the folds. Orange: the best.",
            "anchor": "start",
        }
    )
    return save({f"{review.dataset}-{review.recommender}-study": chart}, folder)


def _panel(alt: Any, review: Review, name: str) -> Any:
    points = [
        {"x": tried.parameters[name], "y": tried.value, "best": place == 0}
        for place, tried in enumerate(review.finished)
        if name in tried.parameters
    ]
    numbers = all(type(point["x"]) in (int, float) for point in points)
    if not numbers:
        points = [{**point, "x": show_value(point["x"])} for point in points]
    kind = "x:Q" if numbers else "x:N"
    x = alt.X(kind, title=name, scale=alt.Scale(zero=False)) if numbers else alt.X(kind, title=name)
    return (
        alt.Chart(alt.Data(values=points))
        .mark_point(filled=True, size=28, opacity=0.7)
        .encode(
            x=x,
            y=alt.Y("y:Q", title=None, scale=alt.Scale(zero=False)),
            color=alt.condition("datum.best", alt.value(_BEST), alt.value(_COLOUR)),
        )
        .properties(width=190, height=130)
    )
