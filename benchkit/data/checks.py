"""Checks of prepared data: what is odd is counted, and what decides results is a warning."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import cast

import numpy as np

from benchkit.contracts.arrays import Bool, Int32, Int64
from benchkit.contracts.catalog import Catalog
from benchkit.data.interactions import Interactions
from benchkit.toolkit.texts import Texts

# What tools write for a missing value. A lone title may be one of these words and real.
MISSING = ("", "nan", "NaN", "null", "NULL", "None", "<NA>", "NaT", "N/A", "undefined")
_YEAR = 31_536_000
_MOST = 0.5  # share of the items whose lack of text is warned of
_SOME = 0.01  # share of the interactions without a real id that is warned of
_MANY = 0.05  # share of the interactions whose repetition is warned of

_NO_TEXT = "items without text"
_NO_TITLE = "items with a text and no title"
_MARKED = "items with a missing value's name as text"
_UNLISTED = "items not in the item table"
_UNMET = "items of the item table that are never met"
_NEARLY = "of those, ids that nearly meet"
_ITEMS_ALIKE = "item ids alike but for zeros, blanks, case"
_SESSIONS_ALIKE = "session ids alike but for zeros, blanks"
_NAMELESS = "interactions with a missing value as an id"
_AT_ZERO = "interactions at time 0 (1970-01-01)"
_REPEATED = "interactions that repeat another in full"


@dataclass(frozen=True, eq=False)
class Subject:
    """What is checked.

    Attributes:
        kept: interactions that stay, with codes of their own.
        repeated: how many of them equal another in session, item and time.
        sessions: ids of the sessions that stay, ascending.
        catalog: the items that stay.
        met: ids of all items that occur in the raw interactions.
        listed: ids of the item table; empty where there is none.
    """

    kept: Interactions
    repeated: int
    sessions: Texts
    catalog: Catalog
    met: Set[str]
    listed: Set[str]


def check(subject: Subject) -> tuple[dict[str, int], list[str]]:
    """Return what is odd, by a word for it, zeros left out, and warnings."""
    counts, warnings = _check_items(subject)
    kept, items = subject.kept, cast(Texts, subject.catalog.ids)
    counts[_ITEMS_ALIKE] = _alike(items) + len(items) - len(set(map(str.lower, items)))
    counts[_SESSIONS_ALIKE] = _alike(subject.sessions)
    counts[_NAMELESS] = _nameless(kept.sessions, subject.sessions)
    counts[_NAMELESS] += _nameless(kept.items, items)
    counts[_AT_ZERO] = int(np.count_nonzero(kept.times == 0)) if kept.times.min() == 0 else 0
    counts[_REPEATED] = subject.repeated
    warnings += _warn_of_times(kept, counts[_AT_ZERO])
    if counts[_NAMELESS] >= _SOME * len(kept):
        warnings.append(
            f"{counts[_NAMELESS]:,} interactions have a session or item called nan, null or the "
            f"like: they count as one session or item, though each may be another's"
        )
    if subject.repeated >= _MANY * len(kept):
        warnings.append(
            f"{subject.repeated:,} of {len(kept):,} interactions repeat another in session, item "
            f'and time: where these are no real events, remove them (repeats = "earliest" keeps '
            f"an item once a session)"
        )
    return {name: count for name, count in counts.items() if count}, warnings


def _check_items(subject: Subject) -> tuple[dict[str, int], list[str]]:
    catalog, listed = subject.catalog, subject.listed
    if not listed:  # a log alone: there should be no texts
        return {}, []
    text, title = _filled(catalog.texts), _filled(catalog.titles)
    unmet = listed - subject.met
    near = _near(subject.met - listed, unmet)
    counts = {
        _NO_TEXT: int(np.count_nonzero(~text)),
        _NO_TITLE: int(np.count_nonzero(text & ~title)),
        _MARKED: _marked(catalog.texts),
        _UNLISTED: sum(item not in listed for item in catalog.ids),
        _UNMET: len(unmet),
        _NEARLY: len(near),
    }
    warnings = []
    if counts[_MARKED] > 1:
        warnings.append(
            f"{counts[_MARKED]:,} items have nan, null or the like as their text, as tools write "
            f"a missing value: leave it empty"
        )
    if counts[_NO_TEXT] > _MOST * len(catalog):
        warnings.append(
            f"{counts[_NO_TEXT]:,} of {len(catalog):,} items have no text: recommenders that read "
            f"texts (llm-seq-sim) never list them, and see nothing of a prompt of such items"
        )
    if near:
        one, other = min(near.items())
        warnings.append(
            f"{len(near):,} item ids differ between interactions and item table in zeros, blanks "
            f"or case alone, such as {one!r} and {other!r}: they count as different items"
        )
    return counts, warnings


def _warn_of_times(kept: Interactions, zeros: int) -> list[str]:
    latest = int(kept.times.max())
    if latest < _YEAR:
        day = datetime.fromtimestamp(latest, timezone.utc).strftime("%Y-%m-%d")
        return [
            f"all times lie in 1970, the last on {day}: in what unit are they? time_unit of a "
            f"dataset of your own says it; without real times a split by time means little"
        ]
    if zeros:
        return [f"{zeros:,} interactions are at time 0 (1970-01-01): missing times written as 0?"]
    return []


def _filled(texts: Sequence[str]) -> Bool:
    return np.diff(cast(Texts, texts).offsets) > 0


def _marked(texts: Sequence[str]) -> int:
    """Return how many texts are the name of a missing value; an empty one is not."""
    lengths = np.diff(cast(Texts, texts).offsets)
    short = np.flatnonzero((lengths > 0) & (lengths <= max(map(len, MISSING))))
    return sum(texts[row] in MISSING for row in short.tolist())


def _nameless(codes: Int32, ids: Texts) -> int:
    """Return how many of the codes stand for an id that is a missing value's name."""
    places = ((bisect_left(ids, word), word) for word in MISSING)
    named = [place for place, word in places if place < len(ids) and ids[place] == word]
    return sum(int(np.count_nonzero(codes == code)) for code in named)


def _alike(ids: Texts) -> int:
    """Return how many ids are those of another but for blanks and zeros, case aside."""
    normal = {row: text for row in _odd(ids) if (text := _normal(ids[row])) != ids[row]}
    if not normal:
        return 0
    others = {text for row, text in enumerate(ids) if row not in normal}
    return len(ids) - len(others.union(normal.values()))


def _odd(ids: Texts) -> Int64:
    """Return the rows whose first or last byte is one that `_normal` may take away."""
    if not len(ids):
        return np.zeros(0, dtype=np.int64)
    blob = np.concatenate((ids.blob, [0]))
    first = blob[ids.offsets[:-1]]
    last, before = (blob[ids.offsets[1:] - back] for back in (1, 2))
    blank = np.ones(256, dtype=np.bool_)
    blank[33:127] = False
    dotted = (last == ord("0")) & (before == ord("."))
    return np.flatnonzero(blank[first] | (first == ord("0")) | blank[last] | dotted)


def _normal(text: str) -> str:
    """Return an id without what tools add or lose: blanks, leading zeros and ``.0``."""
    text = re.sub(r"^(\d+)\.0+$", r"\1", text.strip())
    return re.sub(r"^0+(\d+)$", r"\1", text)


def _near(ids: Set[str], others: Set[str]) -> dict[str, str]:
    """Return those of `ids` that one of the others is like, case aside, and that one."""
    by_key = {_normal(other).lower(): other for other in others} if ids else {}
    keys = ((one, _normal(one).lower()) for one in ids)
    return {one: by_key[key] for one, key in keys if key in by_key}
