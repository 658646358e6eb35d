"""Losses against the naive computation over the whole matrix of scores, values and gradients."""

from __future__ import annotations

from collections.abc import Callable
from math import log
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from benchkit_plugins import hardware
from benchkit_plugins.recommenders.neural import full_softmax
from benchkit_plugins.recommenders.neural.full_softmax import FullSoftmax
from benchkit_plugins.recommenders.neural.losses import BPR, GBCE, Loss, SampledSoftmax, make_loss

Inputs = tuple[Tensor, Tensor, Tensor, Tensor]


def inputs(predictions: int = 7, items: int = 70, dim: int = 5, seed: int = 0) -> Inputs:
    draw = torch.Generator().manual_seed(seed)

    def leaf(*shape: int) -> Tensor:
        made = torch.randn(*shape, generator=draw, dtype=torch.float64)
        return made.requires_grad_()

    targets = torch.randint(items, (predictions,), generator=draw)
    return leaf(predictions, dim), leaf(items, dim), leaf(items), targets


def gradients(loss: Callable[..., Tensor], given: Inputs) -> tuple[Tensor, ...]:
    value = loss(*given)
    return value, *torch.autograd.grad(value * 3, given[:3])


def naive_softmax(queries: Tensor, table: Tensor, bias: Tensor, targets: Tensor) -> Tensor:
    return F.cross_entropy(queries @ table.T + bias, targets)


@pytest.mark.parametrize("items", [1, 64, 70])
def test_softmax_equals_the_naive_one(items: int) -> None:
    given = inputs(items=items)
    ours = gradients(FullSoftmax(torch.float64), given)
    for one, other in zip(ours, gradients(naive_softmax, given), strict=True):
        torch.testing.assert_close(one, other)


def test_softmax_in_chunks_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    given = inputs(predictions=11)
    whole = gradients(FullSoftmax(torch.float64), given)
    for module in (hardware, full_softmax):
        monkeypatch.setattr(module, "ALIGN", 2)
    monkeypatch.setattr(full_softmax, "_SCORES", 300)  # four predictions at a time
    for one, other in zip(gradients(FullSoftmax(torch.float64), given), whole, strict=True):
        torch.testing.assert_close(one, other)


def test_softmax_passes_the_gradient_check() -> None:
    *leaves, targets = inputs(predictions=3, items=9)
    softmax = FullSoftmax(torch.float64)
    assert torch.autograd.gradcheck(lambda q, t, b: softmax(q, t, b, targets), leaves)


def test_softmax_in_bfloat16_is_close() -> None:
    queries, table, bias, targets = (
        t.detach().float() if t.is_floating_point() else t for t in inputs(40, 500, 16)
    )
    given = (queries.requires_grad_(), table.requires_grad_(), bias.requires_grad_(), targets)
    exact = gradients(naive_softmax, given)
    for one, other in zip(gradients(FullSoftmax(torch.bfloat16), given), exact, strict=True):
        assert one.dtype == torch.float32
        assert (one - other).norm() <= 0.02 * other.norm()


def test_softmax_survives_extreme_scores() -> None:
    queries, table, bias, targets = inputs()
    value, *found = gradients(FullSoftmax(torch.float64), (queries * 1e4, table, bias, targets))
    assert value.isfinite()
    assert all(g.isfinite().all() for g in found)


def test_softmax_leaves_a_frozen_table_alone() -> None:
    queries, table, bias, targets = inputs()
    frozen = table.detach()
    torch.autograd.backward(FullSoftmax(torch.float64)(queries, frozen, bias, targets))
    expected = gradients(naive_softmax, (queries, table, bias, targets))
    assert queries.grad is not None
    torch.testing.assert_close(queries.grad * 3, expected[1])


def test_softmax_buffers_do_not_leak_between_calls() -> None:
    softmax = FullSoftmax(torch.float64)
    large, small = inputs(9, 130), inputs(4, 70)
    expected = gradients(naive_softmax, small)
    softmax(*large)
    for one, other in zip(gradients(softmax, small), expected, strict=True):
        torch.testing.assert_close(one, other)


def naive_sampled(kind: str, given: Inputs, drawn: Tensor) -> Tensor:
    queries, table, bias, targets = given
    total = torch.zeros((), dtype=torch.float64)
    items, count = len(table), len(drawn)
    for query, target in zip(queries, targets, strict=True):
        positive = query @ table[target] + bias[target]
        wrong = [query @ table[i] + bias[i] for i in drawn.tolist() if i != target]
        negative = torch.stack(wrong)
        if kind == "sampled-softmax":
            partition = positive.exp() + items / count * negative.exp().sum()
            total = total - (positive.exp() / partition).log()
        elif kind == "bpr":
            total = total - (positive - negative).sigmoid().log().sum() / count
        else:
            rate = count / items
            power = rate * (0.75 * (1 - 1 / rate) + 1 / rate)
            total = total - power * positive.sigmoid().log() / (count + 1)
            total = total - (1 - negative.sigmoid()).log().sum() / (count + 1)
    return total / len(targets)


@pytest.mark.parametrize(
    ("kind", "loss"),
    [("sampled-softmax", SampledSoftmax(6)), ("gbce", GBCE(6, 0.75)), ("bpr", BPR(6))],
)
def test_sampled_losses_equal_the_naive_ones(
    kind: str, loss: Loss, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = inputs(items=20)
    # The first right item is among those drawn: for that prediction it must not count as wrong.
    drawn = torch.tensor([int(given[3][0]), 3, 4, 4, 19, 0])
    monkeypatch.setattr(torch, "randint", lambda *args, **kwargs: drawn)
    naive = gradients(lambda *leaves: naive_sampled(kind, leaves, drawn), given)
    for one, other in zip(gradients(loss, given), naive, strict=True):
        torch.testing.assert_close(one, other)


def test_sampled_softmax_estimates_the_full_one() -> None:
    queries, table, bias, targets = inputs(items=200)
    given = (queries, table * 0.3, bias, targets)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        mean = torch.stack([SampledSoftmax(400)(*given) for _ in range(50)]).mean()
    assert float(mean.detach()) == pytest.approx(float(naive_softmax(*given).detach()), rel=0.02)


@pytest.mark.parametrize("items", [2, 3, 10])
def test_many_draws_come_close_to_all_items(items: int) -> None:
    given, draws = inputs(items=items), 200_000
    queries, table, bias, targets = (leaf.detach() for leaf in given)
    scores = queries @ table.T + bias
    right = F.one_hot(targets, items).double()
    bce = F.binary_cross_entropy_with_logits(scores, right, reduction="none").sum(dim=1).mean()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        softmax = SampledSoftmax(draws)(*given)
        # Fully calibrated, so that the right item counts as often as each wrong one is drawn.
        gbce = GBCE(draws, 1.0)(*given) * items * (draws + 1) / draws
    assert float(softmax.detach()) == pytest.approx(float(naive_softmax(*given).detach()), rel=0.01)
    assert float(gbce.detach()) == pytest.approx(float(bce), rel=0.01)


def test_gbce_with_everything_drawn_is_plain_bce() -> None:
    positive = torch.tensor([0.3, -1.0])
    negative = torch.tensor([[1.0, float("-inf")], [float("-inf"), 2.0]])
    # Rate 1: the power is 1 whatever the calibration.
    found = GBCE(2, 0.9).loss(positive, negative, items=2)
    wrong = torch.tensor([1.0, 2.0])
    expected = -positive.sigmoid().log() - (1 - wrong.sigmoid()).log()
    torch.testing.assert_close(found, expected / 3)  # two negatives and the right item


def test_gbce_is_the_mean_over_the_negatives_and_the_right_item() -> None:
    # sigmoid(ln 3) is 3/4. 2 of 8 items are drawn: the power is 1/4 * (1/2 * (1 - 4) + 4) = 5/8.
    found = GBCE(2, 0.5).loss(torch.tensor([log(3)]), torch.tensor([[0.0, -log(3)]]), items=8)
    assert found.item() == pytest.approx((log(2) + log(4 / 3) + 5 / 8 * log(4 / 3)) / 3)


@pytest.mark.parametrize("kind", ["softmax", "sampled-softmax", "gbce", "bpr"])
def test_every_loss_has_a_name(kind: str) -> None:
    given: Any = inputs()
    assert make_loss(kind, 4, 0.5, torch.float64)(*given) > 0


def test_popularity_has_a_softmax_of_the_items_entropy() -> None:
    # Halves and quarters; an item that is never predicted takes no part.
    softmax = make_loss("softmax", 4, 0.5, torch.float64)
    assert softmax.of_popularity(np.array([4, 0, 2, 2])) == pytest.approx(1.5 * log(2))
    assert BPR(4).of_popularity(np.array([4, 0, 2, 2])) == float("-inf")


def test_uniform_scores_cost_the_logarithm_of_the_items() -> None:
    queries, table, bias, targets = inputs(items=50)
    found = FullSoftmax(torch.float64)(queries * 0, table, bias * 0, targets)
    assert found.item() == pytest.approx(log(50))
