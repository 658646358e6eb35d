"""Networks: padding and neighbours change nothing, causality, parameters."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from torch.profiler import profile

from benchkit import Sessions
from benchkit_plugins.hardware import ALIGN
from benchkit_plugins.recommenders.bert4rec import BERT4Rec
from benchkit_plugins.recommenders.neural.network import Dense, Dropout
from benchkit_plugins.recommenders.neural.packing import Packed
from benchkit_plugins.recommenders.neural.transformer import attend
from benchkit_plugins.recommenders.sasrec import SASRec
from tests.recommenders.neural.models import configured, each_model

CPU = torch.device("cpu")


def network_of(model: type[Any], **values: object) -> tuple[Any, Any]:
    """Return an untrained network and its examples, in which nothing fills short sessions."""
    if issubclass(model, BERT4Rec):
        values = {"fill": False, **values}
    recommender = configured(model, **values)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = recommender.network(12, 16).eval()
        for value in network.parameters():
            value.data += 0.1 * torch.randn_like(value)  # no variable may hide behind a zero
    return network, recommender.examples(12)


def hidden(model: tuple[Any, Any], sessions: list[list[int]]) -> list[Any]:
    """Return the states of all positions of each session."""
    network, examples = model
    batch = examples.prompts(Sessions.from_lists(sessions))
    batch = replace(batch, where=np.arange(len(batch.items)))
    with torch.no_grad():
        states = network(Packed.of(batch, CPU)).numpy()
    return np.split(states, batch.offsets[1:-1])


@each_model
def test_padding_changes_nothing(model: type[Any]) -> None:
    made = network_of(model)
    alone = hidden(made, [[3, 1]])[0]
    beside = hidden(made, [[5], [3, 1], list(range(12))])[1]
    np.testing.assert_allclose(alone, beside, atol=1e-6)


@each_model
def test_batches_of_training_cases_equal_single_ones(model: type[Any]) -> None:
    network, examples = network_of(model)
    sessions = Sessions.from_lists([[1, 2, 3], [4, 5, 6, 7, 8], [9, 0]])
    batch = examples.cases(sessions, np.arange(3), np.random.default_rng(0))
    with torch.no_grad():
        together = network.queries(Packed.of(batch, CPU))
        alone = [network.queries(Packed.of(part, CPU)) for part in batch.split(3)]
    torch.testing.assert_close(together, torch.cat(alone))


@each_model
def test_what_is_not_asked_for_changes_nothing(model: type[Any]) -> None:
    made = network_of(model)
    sessions = [[3, 1], [5], [2, 4, 6, 8]]
    network, examples = made
    with torch.no_grad():
        asked = network(Packed.of(examples.prompts(Sessions.from_lists(sessions)), CPU))
    ends = np.stack([states[-1] for states in hidden(made, sessions)])
    np.testing.assert_allclose(asked, ends, atol=1e-6)


def test_masks_in_front_are_read() -> None:
    plain, filled = network_of(BERT4Rec), network_of(BERT4Rec, fill=True)
    one, other = hidden(plain, [[3, 1]])[0], hidden(filled, [[3, 1]])[0]
    assert len(other) == filled[1].last_n_items + 1
    assert not np.allclose(one[-1], other[-1], atol=1e-4)


@each_model
def test_order_matters(model: type[Any]) -> None:
    made = network_of(model)
    one, other = hidden(made, [[1, 2, 3], [2, 1, 3]])
    assert not np.allclose(one[-1], other[-1], atol=1e-4)


@pytest.mark.parametrize(("model", "causal"), [(SASRec, True), (BERT4Rec, False)])
def test_only_sasrec_is_causal(model: type[Any], causal: bool) -> None:
    made = network_of(model)
    one, other = hidden(made, [[1, 2, 3], [1, 2, 4]])
    assert np.allclose(one[0], other[0], atol=1e-6) == causal


@each_model
def test_item_embeddings_start_uniform(model: type[Any]) -> None:
    table = configured(model).network(5000, 16).table.detach()
    assert float(table.abs().max()) <= 0.05
    assert float(table.std()) == pytest.approx(0.1 / 12**0.5, rel=0.02)


@each_model
def test_every_variable_gets_a_gradient(model: type[Any]) -> None:
    network, examples = network_of(model)
    sessions = Sessions.from_lists([[1, 2, 3], [4, 5, 6, 7]])
    batch = examples.cases(sessions, np.arange(2), np.random.default_rng(0))
    (
        network.queries(Packed.of(batch, CPU)) @ network.table.T + network.bias
    ).square().sum().backward()
    assert [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()] in (
        [],
        ["layers.0.attention.qkv.bias"],
    )


@pytest.mark.parametrize("causal", [True, False])
def test_attention_in_bfloat16_is_torchs_own_in_float32(causal: bool) -> None:
    draw = torch.Generator().manual_seed(0)
    rough = torch.randn(3, 3, 2, 5, 8, generator=draw).bfloat16().requires_grad_()
    exact = rough.detach().float().requires_grad_()
    real = None if causal else torch.arange(5) < torch.tensor([5, 2, 3]).view(3, 1, 1, 1)
    ours = attend(rough[0], rough[1], rough[2], real)
    torchs = F.scaled_dot_product_attention(
        exact[0], exact[1], exact[2], attn_mask=real, is_causal=causal
    )
    torch.testing.assert_close(ours.float(), torchs, atol=0.02, rtol=0)
    weights = torch.randn(3, 2, 5, 8, generator=draw)
    torch.autograd.backward([(ours * weights).sum(), (torchs * weights).sum()])
    assert rough.grad is not None
    assert exact.grad is not None
    torch.testing.assert_close(rough.grad.float(), exact.grad, atol=0.05, rtol=0)


@pytest.mark.parametrize("rows", [1, ALIGN - 1, ALIGN, ALIGN + 1])
def test_dense_layers_in_bfloat16_multiply_whole_tiles_and_give_the_rows(rows: int) -> None:
    draw = torch.Generator().manual_seed(0)
    layer = Dense(8, 6, parts=3)
    x = torch.randn(rows, 8, generator=draw)
    weights = torch.randn(rows, 6, generator=draw)
    found = []
    with profile(record_shapes=True) as seen:
        for lower in (True, False):
            layer.zero_grad()
            with torch.autocast("cpu", torch.bfloat16, enabled=lower):
                y = layer(x)
            torch.autograd.backward((y * weights).sum())
            found.append([y.detach().float(), layer.weight.grad, layer.bias.grad])
    products = {event.input_shapes[1][0] for event in seen.events() if event.name == "aten::addmm"}
    assert products == {-(-rows // ALIGN) * ALIGN, rows}
    torch.testing.assert_close(*found, atol=0.2, rtol=0.02)


@pytest.mark.parametrize("share", [0.0, 0.15, 0.9])
def test_dropout_drops_its_share_and_keeps_the_mean(share: float) -> None:
    dropout = Dropout(share)
    x = torch.full((1001, 999), 3.0, requires_grad=True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        found = dropout(x)
    assert float((found == 0).float().mean()) == pytest.approx(share, abs=0.002)
    assert float(found.detach().mean()) == pytest.approx(3, abs=0.03)
    assert float(found.detach().max()) == pytest.approx(3 / (1 - share), rel=1e-3)
    rows, columns = (found == 0).float().mean(1), (found == 0).float().mean(0)
    assert float(max(rows.std(), columns.std())) < 0.02, "it drops without a pattern"
    torch.autograd.backward(found.sum())
    assert x.grad is not None
    torch.testing.assert_close(x.grad, found.detach() / 3)
    assert dropout.eval()(x) is x


def test_heads_need_not_divide_the_dimension() -> None:
    made = network_of(SASRec, heads=3)
    assert hidden(made, [[1, 2]])[0].shape == (2, 16)
