"""Training cases and prompts, worked by hand."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from benchkit import Sessions
from benchkit_plugins.recommenders.neural.examples import Cloze, NextItem

MASK = 9
rng = np.random.default_rng


def rows(batch: object) -> list[list[int]]:
    items, offsets = batch.items, batch.offsets  # type: ignore[attr-defined]
    return [items[a:b].tolist() for a, b in pairwise(offsets)]


def test_next_item_reads_all_but_the_last_and_predicts_all_but_the_first() -> None:
    batch = NextItem(MASK, 20).cases(Sessions.from_lists([[1, 2, 3], [4, 5]]), np.arange(2), rng(0))
    assert rows(batch) == [[1, 2], [4]]
    assert batch.where.tolist() == [0, 1, 2]
    assert batch.targets.tolist() == [2, 3, 5]


def test_long_sessions_keep_their_last_items_and_short_ones_go() -> None:
    usable = NextItem(MASK, 2).usable(Sessions.from_lists([[1, 2, 3, 4], [5], [6, 7]]))
    assert [usable[s].tolist() for s in range(len(usable))] == [[2, 3, 4], [6, 7]]


def test_prompts_predict_behind_their_last_item() -> None:
    batch = NextItem(MASK, 20).prompts(Sessions.from_lists([[1, 2], [3]]))
    assert (rows(batch), batch.where.tolist()) == ([[1, 2], [3]], [1, 2])


def test_cloze_prompts_end_with_a_mask() -> None:
    batch = Cloze(MASK, 20, 0.5).prompts(Sessions.from_lists([[1, 2], [], [3]]))
    assert rows(batch) == [[1, 2, MASK], [MASK], [3, MASK]]
    assert batch.where.tolist() == [2, 3, 5]


def test_cloze_fills_short_sessions_with_masks_that_predict_nothing() -> None:
    cloze, sessions = Cloze(MASK, 3, 0.5, fill=True), Sessions.from_lists([[1, 2], [4, 5, 6, 7]])
    prompts = cloze.prompts(Sessions.from_lists([[1, 2], [], [4, 5, 6]]))
    assert rows(prompts) == [[MASK, 1, 2, MASK], [MASK] * 4, [4, 5, 6, MASK]]
    assert prompts.where.tolist() == [3, 7, 11]
    cases = cloze.cases(sessions, np.arange(2), rng(0))
    assert rows(cases) == [[MASK, MASK, 1, MASK], [4, 5, 6, MASK]]
    assert (cases.where.tolist(), cases.targets.tolist()) == ([3, 7], [2, 7])


def test_cloze_masks_the_last_item_once_and_ten_times_at_random() -> None:
    sessions = Sessions.from_lists([[1, 2, 3]] * 40)
    cloze = Cloze(MASK, 20, 0.25)
    assert cloze.count(sessions) == 440
    first = cloze.cases(sessions, np.arange(40), rng(0))
    assert rows(first) == [[1, 2, MASK]] * 40
    assert first.targets.tolist() == [3] * 40
    others = cloze.cases(sessions, np.arange(40, 440), rng(0))
    masked = others.items == MASK
    assert masked.mean() == np.float64(masked.sum() / 1200)
    assert 0.2 < masked.mean() < 0.3
    assert others.where.tolist() == np.flatnonzero(masked).tolist()
    assert others.targets.tolist() == np.tile([1, 2, 3], 400)[masked].tolist()


def test_masks_are_drawn_anew() -> None:
    sessions, cloze, draw = Sessions.from_lists([[1, 2, 3]] * 9), Cloze(MASK, 20, 0.5), rng(0)
    one, other = (cloze.cases(sessions, np.arange(9, 99), draw).items.tolist() for _ in range(2))
    assert one != other


def test_an_epoch_holds_every_case_once() -> None:
    sessions = Sessions.from_lists([[s, 100 + s] for s in range(50)])
    batches = list(NextItem(MASK, 20).epoch(sessions, 8, rng(0)))
    assert sorted(len(batch) for batch in batches) == [2, 8, 8, 8, 8, 8, 8]
    assert sorted(int(i) for batch in batches for i in batch.items) == list(range(50))
    assert [b.items.tolist() for b in batches] != [
        b.items.tolist() for b in NextItem(MASK, 20).epoch(sessions, 8, rng(1))
    ]


def test_parts_of_a_batch_hold_its_sessions() -> None:
    sessions = Sessions.from_lists([[1, 2, 3], [4, 5], [6, 7, 8, 9]])
    batch = NextItem(MASK, 20).cases(sessions, np.arange(3), rng(0))
    parts = list(batch.split(3))
    assert [rows(part)[0] for part in parts] == [[1, 2], [4], [6, 7, 8]]
    assert [part.targets.tolist() for part in parts] == [[2, 3], [5], [7, 8, 9]]
    assert [part.where.tolist() for part in parts] == [[0, 1], [0], [0, 1, 2]]


def test_parts_without_targets_are_left_out() -> None:
    sessions = Sessions.from_lists([[1, 2], [3, 4]])
    batch = Cloze(MASK, 20, 0.0).cases(sessions, np.array([0, 3]), rng(0))
    assert [rows(part) for part in batch.split(2)] == [[[1, MASK]]]
