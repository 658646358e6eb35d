"""Sessions as arrays behave like lists of lists."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchkit import Sessions

Rows = list[list[int]]
rows_of_items = st.lists(st.lists(st.integers(0, 50), max_size=6), max_size=8)


def lists(sessions: Sessions) -> Rows:
    return [sessions[row].tolist() for row in range(len(sessions))]


@given(rows_of_items)
def test_lists_come_back(rows: Rows) -> None:
    sessions = Sessions.from_lists(rows)
    assert lists(sessions) == rows
    assert len(sessions) == len(rows)
    assert sessions.interactions == sum(map(len, rows))
    assert sessions.lengths.tolist() == list(map(len, rows))
    arrays = (sessions.items, sessions.offsets, sessions.times, sessions.ids)
    assert [array.dtype.name for array in arrays] == ["int32", "int64", "int64", "int32"]


@given(rows_of_items)
def test_every_interaction_knows_its_place(rows: Rows) -> None:
    sessions = Sessions.from_lists(rows)
    flat = [(s, p, len(row) - p) for s, row in enumerate(rows) for p in range(len(row))]
    assert sessions.owners.tolist() == [s for s, _, _ in flat]
    assert sessions.positions.tolist() == [p for _, p, _ in flat]
    assert sessions.distances.tolist() == [d for _, _, d in flat]


@given(rows_of_items, st.data())
def test_between_is_a_slice(rows: Rows, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(rows)))
    stop = data.draw(st.integers(start, len(rows)))
    part = Sessions.from_lists(rows).between(start, stop)
    assert lists(part) == rows[start:stop]
    assert part.ids.tolist() == list(range(start, stop))
    assert part.offsets[0] == 0


@given(rows_of_items.filter(bool), st.data())
def test_take_picks_rows_in_order(rows: Rows, data: st.DataObject) -> None:
    picks = data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=10))
    taken = Sessions.from_lists(rows).take(np.array(picks, dtype=np.int64))
    assert lists(taken) == [rows[pick] for pick in picks]
    assert taken.ids.tolist() == picks


@given(rows_of_items)
def test_where_keeps_sessions_that_lose_everything(rows: Rows) -> None:
    sessions = Sessions.from_lists(rows)
    kept = sessions.where(sessions.items % 2 == 0)
    assert lists(kept) == [[item for item in row if item % 2 == 0] for row in rows]
    assert kept.times.tolist() == [
        place for row in rows for place, item in enumerate(row) if item % 2 == 0
    ]


@given(rows_of_items, st.integers(1, 7))
def test_last_cuts_at_the_front(rows: Rows, n: int) -> None:
    assert lists(Sessions.from_lists(rows).last(n)) == [row[-n:] for row in rows]


def test_last_of_everything_copies_nothing() -> None:
    sessions = Sessions.from_lists([[1, 2], [3]])
    assert sessions.last(None) is sessions


@given(rows_of_items, rows_of_items)
def test_operations_can_be_combined(rows: Rows, more: Rows) -> None:
    sessions = Sessions.from_lists(rows + more).between(len(rows), len(rows) + len(more))
    backwards = np.arange(len(more), dtype=np.int64)[::-1]
    assert lists(sessions.take(backwards).last(2)) == [row[-2:] for row in more[::-1]]


def test_slices_are_views() -> None:
    sessions = Sessions.from_lists([[1, 2], [3], [4, 5]])
    assert np.shares_memory(sessions[0], sessions.items)
    assert np.shares_memory(sessions.between(1, 3).items, sessions.items)


def test_last_times_end_each_session() -> None:
    sessions = Sessions.from_lists([[1, 2], [3]], times=[[10, 20], [15]])
    assert sessions.last_times.tolist() == [20, 15]


@pytest.mark.parametrize("broken", ["items", "offsets", "times", "ids"])
def test_arrays_that_do_not_fit_are_refused(broken: str) -> None:
    good = Sessions.from_lists([[1, 2], [3]])
    arrays = {name: getattr(good, name) for name in ("items", "offsets", "times", "ids")}
    arrays[broken] = arrays[broken][:-1]
    with pytest.raises(AssertionError):
        Sessions(**arrays)
