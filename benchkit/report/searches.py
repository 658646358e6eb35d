"""What searches have tried: as records keep it, and trial by trial where the journal is at hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchkit.contracts.config import show_value
from benchkit.contracts.errors import BenchkitError
from benchkit.leaderboards.rows import Row

if TYPE_CHECKING:
    from benchkit.tuning.review import Review

_TOP = 10
# Where studies lie beside a leaderboard; asking `tuning` would import Optuna for every page.
_STUDIES = "studies"


@dataclass(frozen=True)
class Searched:
    """The search behind one row.

    Attributes:
        label: of the row.
        facts: what its newest record keeps.
        space: what was searched, by parameter.
        review: the study, if it is at hand.
        absent: why it is not, "" if it is.
    """

    label: str
    facts: Sequence[tuple[str, str]]
    space: Mapping[str, str]
    review: Review | None
    absent: str

    @property
    def best(self) -> list[tuple[int, float, str]]:
        """The best trials: number, value and parameters."""
        trials = self.review.finished[:_TOP] if self.review else ()
        return [
            (t.trial, t.value, ", ".join(f"{k}={show_value(v)}" for k, v in t.parameters.items()))
            for t in trials
        ]


def searches(out: Path, dataset: str, rows: Sequence[Row]) -> list[Searched]:
    """Return the searches behind the rows that one has found.

    Args:
        out: folder of the leaderboards.
        dataset: its name.
        rows: of a table.
    """
    return [_searched(out, dataset, row) for row in rows if row.search]


def _searched(out: Path, dataset: str, row: Row) -> Searched:
    space = row.search.get("space")
    described = {str(k): _words(v) for k, v in space.items()} if isinstance(space, Mapping) else {}
    review, absent = _review(out / _STUDIES / f"{dataset}.journal", dataset, row)
    return Searched(row.label, list(_facts(row.search)), described, review, absent)


def _facts(search: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name in ("study", "storage", "objective", "sampler", "pruner", "ended", "seconds", "cost"):
        if search.get(name) not in (None, ""):
            yield name, _words(search[name])
    for name in ("trials", "budget", "best"):
        if isinstance(search.get(name), Mapping):
            yield name, ", ".join(f"{key} {_words(value)}" for key, value in search[name].items())


def _words(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_words(part)}" for key, part in value.items())
    if isinstance(value, list):
        return " + ".join(map(_words, value))
    return str(value)


def _review(journal: Path, dataset: str, row: Row) -> tuple[Review | None, str]:
    """Return the study that a row rests on, and why it cannot be shown."""
    if not journal.exists():
        return None, f"its trials are not at hand: there is no {journal.name} here"
    from benchkit.tuning.review import review

    try:
        newest = review(str(journal), dataset, row.recommender)
    except BenchkitError as error:
        return None, f"its trials are not at hand: {error}"
    if newest.study != row.search.get("study"):
        return None, f"its trials are not shown: a newer study, {newest.study}, has been begun"
    return newest, ""
