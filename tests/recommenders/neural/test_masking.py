"""What S3-Rec's pre-training reads: prefixes, attributes, masks, segments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from benchkit import Sessions
from benchkit.testing import samples
from benchkit_plugins.recommenders.neural.checkpoint import Checkpoint
from benchkit_plugins.recommenders.neural.examples import Batch, Prefixes
from benchkit_plugins.recommenders.neural.masking import Attributes, cut_segments, mask
from benchkit_plugins.recommenders.neural.packing import Packed
from tests.recommenders.neural.s3rec import (
    ITEMS,
    MASK,
    SMALL,
    TWO_EACH,
    cases,
    described,
    parts,
    pretrained,
    pretrainer,
    rng,
)


def test_every_prefix_is_a_case() -> None:
    sessions = Sessions.from_lists([[1, 2, 3, 4], [5], [], [6, 7]])
    found = Prefixes(sessions.last(3))
    assert (len(found), found.lengths.tolist()) == (3, [2, 3, 2])
    cut = found.take(np.array([2, 0, 1]))
    assert [cut[row].tolist() for row in range(len(cut))] == [[6, 7], [2, 3], [2, 3, 4]]
    assert cut.ids.tolist() == [3, 0, 0]


def test_prefixes_are_cut_batch_by_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []
    plain = Sessions.take

    def take(self: Sessions, rows: Any) -> Sessions:
        taken.append(len(rows))
        return plain(self, rows)

    monkeypatch.setattr(Sessions, "take", take)
    train = samples.sessions(seed=1)
    pretrainer(train, samples.ITEMS).train(train, Checkpoint(None))
    assert max(taken) == SMALL["batch_size"] < len(Prefixes(train.last(20)))


def test_attributes_are_those_of_trained_items() -> None:
    catalog = described([[0, 1], [2], [], [4, 1, 4], [0]])
    found = Attributes.of(catalog, np.array([0, 2, 3, 4], dtype=np.int32))
    # Attribute 2 belongs to no trained item, so 4 is the third; twice counts once.
    assert (found.count, found.offsets.tolist(), found.codes.tolist()) == (
        3, [0, 2, 2, 4, 5], [0, 1, 1, 2, 0],
    )  # fmt: skip
    items = np.array([2, 1, 2], dtype=np.int32)
    assert found.described(items).tolist() == [True, False, True]
    assert [part.tolist() for part in found.pairs(items)] == [[0, 0, 2, 2], [1, 2, 1, 2]]


def test_an_attribute_of_every_item_that_has_any_is_none() -> None:
    # 7 is the root: item 1 has nothing else, item 2 nothing at all, item 4 is not trained.
    catalog = described([[7, 0], [7], [], [0, 7, 3], [3]])
    found = Attributes.of(catalog, np.arange(4, dtype=np.int32))
    assert (found.count, found.offsets.tolist(), found.codes.tolist()) == (
        2, [0, 1, 1, 1, 3], [0, 0, 1],
    )  # fmt: skip
    assert found.described(np.arange(4, dtype=np.int32)).tolist() == [True, False, False, True]


def test_masks_hide_a_share_of_the_items_and_always_the_last() -> None:
    sessions = [list(range(10)) for _ in range(400)]
    batch = cases(*sessions, share=0.2)
    read = np.array(parts(batch, 0))
    assert (read[:, -1] == MASK).all()
    assert (read[:, :-1] == MASK).mean() == pytest.approx(0.2, abs=0.03)
    shown = read != MASK
    assert (read[shown] == np.array(sessions)[shown]).all()
    assert batch.shown.tolist() == read[shown].tolist()
    assert batch.readings.targets.tolist() == np.array(sessions)[~shown].tolist()
    assert batch.readings.where.tolist() == np.flatnonzero(~shown).tolist()
    assert (batch.wrong != batch.readings.targets).all()
    assert set(batch.wrong.tolist()) == set(range(ITEMS))


def test_a_masked_position_does_not_see_its_own_item() -> None:
    made, where = pretrained(TWO_EACH), 4

    def states(item: int) -> Any:
        batch = cases([0, 1, 2, 3, item], share=0.0)
        return made.network.read_masked(Packed.of(batch.readings, torch.device("cpu")), made.mask)

    torch.testing.assert_close(states(5)[: where + 1], states(6)[: where + 1], rtol=0, atol=0)


def test_pre_training_reads_in_both_directions_and_recommending_does_not() -> None:
    network = pretrained(TWO_EACH).network

    def first(read: Callable[[Packed], Any], last: int) -> Any:
        items = np.array([0, 1, last], dtype=np.int32)
        batch = Batch(items, np.array([0, 3]), np.arange(3), items[:0])
        return read(Packed.of(batch, torch.device("cpu")))[0]

    def masked(packed: Packed) -> Any:
        return network.read_masked(packed, torch.zeros(16))

    assert not torch.allclose(first(masked, 5), first(masked, 6))
    torch.testing.assert_close(first(network, 5), first(network, 6))


def test_segments_are_cut_out_and_replaced() -> None:
    sessions = [[0, 1, 2, 3, 4, 5], [6, 7, 8], [9, 10, 11, 0, 2]]
    sizes = set()
    for seed in range(50):
        batch = Sessions.from_lists(sessions)
        *read, paired = cut_segments(batch, ITEMS, rng(seed))
        assert paired.tolist() == [0, 1, 2]
        for row, session in enumerate(sessions):
            cut = slice(batch.offsets[row], batch.offsets[row + 1])
            context, segment, foreign = (part[cut].tolist() for part in read)
            inside = [place for place, code in enumerate(context) if code == MASK]
            assert inside == list(range(inside[0], inside[-1] + 1))
            pairs = zip(context, segment, strict=True)
            mixed = [found if code == MASK else code for code, found in pairs]
            assert mixed == session
            assert [p for p, code in enumerate(segment) if code != MASK] == inside
            assert [p for p, code in enumerate(foreign) if code != MASK] == inside
            other, found = sessions[(row + 1) % 3], [foreign[place] for place in inside]
            assert found in [other[p : p + len(inside)] for p in range(len(other))]
            sizes.add((row, len(inside)))
    # At most half of the shorter of the two.
    assert sizes == {(0, 1), (1, 1), (2, 1), (2, 2)}


def test_a_foreign_segment_is_of_another_session() -> None:
    batch = Sessions.from_lists([[1, 2], [3, 4], [3, 4, 5]])
    batch = replace(batch, ids=np.array([7, 8, 8], dtype=np.int32))
    *_, paired = cut_segments(batch, ITEMS, rng())
    assert paired.tolist() == [0, 2]


@pytest.mark.parametrize("count", [2, 3, 9])
def test_parts_of_a_batch_add_up_to_it(count: int) -> None:
    made = pretrained([*TWO_EACH[:-1], []])
    # Two neighbours are prefixes of one session, so not all have a foreign segment.
    batch = Sessions.from_lists([[0, 1, 2, 11], [3, 4, 5], [6, 11], [6, 11, 7], [8, 9]])
    whole = mask(replace(batch, ids=np.array([0, 1, 2, 2, 3], dtype=np.int32)), ITEMS, 0.4, rng())
    split = list(whole.split(count))
    assert sum(len(part) for part in split) == len(whole)
    assert len(split) == min(count, len(whole))
    losses = torch.stack([made(part) * len(part) for part in split]).sum(dim=0)
    torch.testing.assert_close(losses, made(whole) * len(whole))
