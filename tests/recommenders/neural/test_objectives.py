"""S3-Rec's objectives: their values, their gradients, and what each teaches."""

from __future__ import annotations

from math import log
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from benchkit import Sessions
from benchkit_plugins.recommenders.neural import objectives
from benchkit_plugins.recommenders.neural.examples import Batch
from benchkit_plugins.recommenders.neural.objectives import attribute_loss, contrast
from benchkit_plugins.recommenders.neural.packing import Packed
from tests.recommenders.neural.s3rec import MASK, TWO_EACH, cases, parts, pretrained


def test_attributes_cost_their_binary_cross_entropy() -> None:
    # Scores ln 3 and -ln 3: probabilities 3/4 for the right attribute, 1/4 for the wrong one.
    queries, table = torch.tensor([[log(3.0)]]), torch.tensor([[1.0], [-1.0]])
    right = torch.tensor([0]), torch.tensor([0])
    assert float(attribute_loss(queries, table, *right)) == pytest.approx(2 * log(4 / 3))
    # None is right: 1/4 and 3/4 are wrong.
    none = torch.tensor([], dtype=torch.long)
    assert float(attribute_loss(queries, table, none, none)) == pytest.approx(log(4) + log(4 / 3))


@pytest.mark.parametrize("held", [1, 12, 1 << 20])
def test_attributes_in_chunks_equal_the_naive_loss(
    held: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objectives, "_SCORES", held)
    draw = torch.Generator().manual_seed(0)
    queries, table = (
        torch.randn(n, 3, generator=draw, dtype=torch.float64).requires_grad_() for n in (7, 5)
    )
    right = torch.rand(7, 5, generator=draw) < 0.4
    ours = attribute_loss(queries, table, *right.nonzero(as_tuple=True))
    naive = F.binary_cross_entropy_with_logits(queries @ table.T, right.double(), reduction="sum")
    torch.testing.assert_close(ours, naive)
    for one, other in zip(
        torch.autograd.grad(ours * 3, (queries, table)),
        torch.autograd.grad(naive * 3, (queries, table)),
        strict=True,
    ):
        torch.testing.assert_close(one, other)


def test_contrast_is_the_log_of_the_chance_to_order_right() -> None:
    queries = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
    right = torch.tensor([[log(3.0), 9.0], [5.0, 0.0]])
    wrong = torch.tensor([[0.0, -9.0], [7.0, 0.0]])
    assert float(contrast(queries, right, wrong)) == pytest.approx(log(4 / 3) + log(2))


def test_the_four_losses_equal_a_naive_restatement() -> None:
    made, sessions = pretrained([*TWO_EACH[:-1], []]), [[0, 1, 2, 11], [3, 4, 5], [6, 11]]
    batch = cases(*sessions)
    names = set(TWO_EACH[0]).union(*TWO_EACH[:-1])

    def states(reading: int) -> list[Any]:
        read = Sessions.from_lists(parts(batch, reading))
        items = Batch(read.items, read.offsets, read.offsets[1:] - 1, read.items[:0])
        packed = Packed.of(items, torch.device("cpu"))
        found = made.network.read_masked(packed, made.mask)
        return list(found.split(read.lengths.tolist()))

    def told(state: Any, item: int) -> Any:
        if item == 11:
            return torch.zeros(())
        truth = torch.tensor([float(name in TWO_EACH[item]) for name in sorted(names)])
        score = made.table @ state
        return F.binary_cross_entropy_with_logits(score, truth, reduction="sum")

    expected, wrong = [torch.zeros(()) for _ in range(4)], iter(batch.wrong.tolist())
    for session, read, state in zip(sessions, parts(batch, 0), states(0), strict=True):
        for item, code, h in zip(session, read, state, strict=True):
            if code == MASK:
                difference = made.network.table[item] - made.network.table[next(wrong)]
                expected[1] = expected[1] - F.logsigmoid(made.to_item(h) @ difference)
                expected[2] = expected[2] + told(made.to_masked_attributes(h), item)
            else:
                expected[0] = expected[0] + told(made.to_attributes(made.network.table[item]), item)
    for context, right, foreign in zip(states(1), states(2), states(3), strict=True):
        score = made.to_segment(context[-1]) @ (right[-1] - foreign[-1])
        expected[3] = expected[3] - F.logsigmoid(score)
    torch.testing.assert_close(made(batch), torch.stack(expected) / 3)


@pytest.mark.parametrize(
    ("term", "own", "reads"),
    [(0, "to_attributes", False), (1, "to_item", True), (2, "to_masked_attributes", True),
     (3, "to_segment", True)],
)  # fmt: skip
def test_each_objective_teaches_what_it_is_about(term: int, own: str, reads: bool) -> None:
    made = pretrained(TWO_EACH)
    made(cases([0, 1, 2, 3], [4, 5, 6, 7]))[term].backward()
    moved = {name for name, p in made.named_parameters() if p.grad is not None and p.grad.any()}
    assert {name for name in moved if name.startswith("to_")} == {f"{own}.weight", f"{own}.bias"}
    assert ("table" in moved) == (term in (0, 2))
    assert ("mask" in moved) == reads
    assert any(name.startswith("network.layers") for name in moved) == reads
    assert "network.table" in moved
    assert not any(name.startswith(("network.head", "network.bias")) for name in moved)


def test_attributes_of_an_item_move_its_embedding_alone() -> None:
    made = pretrained(TWO_EACH)
    batch = cases([0, 1, 2], [3, 4, 5], share=0.0)
    made(batch)[0].backward()
    moved = made.network.table.grad.any(dim=1).nonzero()[:, 0].tolist()
    assert moved == sorted(batch.shown.tolist()) == [0, 1, 3, 4]


def test_cases_without_a_foreign_segment_teach_no_segments() -> None:
    made = pretrained(TWO_EACH)
    found = made(cases([0, 1, 2, 3]))  # the session behind it is itself
    assert found[3] == 0
    assert found[:3].all()
