"""S3-Rec: its objectives, what pre-training reads, and that it is kept, resumed and of use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import log
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from benchkit import Bench, Catalog, Sessions
from benchkit.contracts.sessions import offsets_of
from benchkit.testing import samples
from benchkit.testing.recommender import RecommenderConformance
from benchkit_plugins.recommenders.neural import objectives
from benchkit_plugins.recommenders.neural.checkpoint import Checkpoint
from benchkit_plugins.recommenders.neural.examples import Batch, Beginnings
from benchkit_plugins.recommenders.neural.masking import (
    Attributes,
    MaskedBatch,
    cut_segments,
    mask,
)
from benchkit_plugins.recommenders.neural.objectives import Objectives, attribute_loss, contrast
from benchkit_plugins.recommenders.neural.packing import Packed
from benchkit_plugins.recommenders.neural.pretraining import Pretrainer
from benchkit_plugins.recommenders.s3rec import S3Rec, S3RecLeaveOneOut
from benchkit_plugins.recommenders.sasrec import SASRec
from tests.making import catalog as bare_catalog
from tests.recommenders.neural.models import TRANSFORMER, require_equal, weights

SMALL: dict[str, Any] = {**TRANSFORMER, "pretrain_epochs": 2, "batch_size": 64}
ITEMS = 12
MASK = ITEMS


class TestConformance(RecommenderConformance):
    component = S3Rec
    config: ClassVar[dict[str, Any]] = {**SMALL, "pretrain_epochs": 1, "epochs": 20}


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def described(attributes: Sequence[Sequence[int]]) -> Catalog:
    """Return a catalog of items with these attributes."""
    lengths = np.array([len(row) for row in attributes])
    codes = np.array([code for row in attributes for code in row], dtype=np.int32)
    names = [f"attribute-{code}" for code in range(max(codes, default=0) + 1)]
    return replace(
        bare_catalog(len(attributes)),
        attribute_offsets=offsets_of(lengths),
        attribute_codes=codes,
        attribute_names=names,
    )


def attributes_of(rows: Sequence[Sequence[int]]) -> Attributes:
    return Attributes.of(described(rows), np.arange(len(rows), dtype=np.int32))


def fitted(
    model: type[Any] = S3Rec,
    catalog: Catalog | None = None,
    checkpoints: Path | None = None,
    report: Callable[[str], None] = lambda _: None,
    **values: object,
) -> Any:
    """Return a small recommender fitted on the sample sessions."""
    train = samples.sessions(seed=1)
    catalog = samples.catalog() if catalog is None else catalog
    counts = np.bincount(train.items, minlength=samples.ITEMS)
    bench = Bench(catalog, train, counts, seed=7, checkpoints=checkpoints, report=report)
    recommender = model(model.Config.create({**SMALL, "epochs": 2, **values}, model.name))
    recommender.fit(train, bench)
    return recommender


def pretrained(rows: Sequence[Sequence[int]]) -> Any:
    """Return the objectives over an untrained network of `ITEMS` items."""
    model = S3Rec(S3Rec.Config.create({**SMALL, "dropout": 0.0, "layers": 2}, "s3rec"))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made = Objectives(model.network(ITEMS, 16), attributes_of(rows))  # type: ignore[arg-type]
        for value in made.parameters():
            value.data += 0.1 * torch.randn_like(value)  # no variable may hide behind a zero
    return made


def pretrainer(
    train: Sessions, items: int, report: Callable[[str], None] = lambda _: None, **values: object
) -> Pretrainer:
    """Return what pre-trains a network of the sample catalog's first `items` items."""
    model: Any = S3Rec(S3Rec.Config.create({**SMALL, **values}, "s3rec"))
    attributes = Attributes.of(samples.catalog(), np.arange(items, dtype=np.int32))
    rng = samples.bench(train, items).rng
    return Pretrainer(model.network(items, 16), attributes, model.config, rng, report)


TWO_EACH = [[item // 4, 3 + item % 2] for item in range(ITEMS)]


def cases(*sessions: list[int], share: float = 0.5, seed: int = 0) -> MaskedBatch:
    return mask(Sessions.from_lists(sessions), ITEMS, share, rng(seed))


def parts(batch: MaskedBatch, reading: int) -> list[list[int]]:
    """Return the sessions of one reading."""
    read = np.split(batch.readings.items, batch.readings.offsets[1:-1])
    return [part.tolist() for part in read[reading * len(batch) : (reading + 1) * len(batch)]]


# Objectives.


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


# What is read.


def test_every_beginning_is_a_case() -> None:
    sessions = Sessions.from_lists([[1, 2, 3, 4], [5], [], [6, 7]])
    found = Beginnings(sessions.last(3))
    assert (len(found), found.lengths.tolist()) == (3, [2, 3, 2])
    cut = found.take(np.array([2, 0, 1]))
    assert [cut[row].tolist() for row in range(len(cut))] == [[6, 7], [2, 3], [2, 3, 4]]
    assert cut.ids.tolist() == [3, 0, 0]


def test_beginnings_are_cut_batch_by_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []
    plain = Sessions.take

    def take(self: Sessions, rows: Any) -> Sessions:
        taken.append(len(rows))
        return plain(self, rows)

    monkeypatch.setattr(Sessions, "take", take)
    train = samples.sessions(seed=1)
    pretrainer(train, samples.ITEMS).train(train, Checkpoint(None))
    assert max(taken) == SMALL["batch_size"] < len(Beginnings(train.last(20)))


def test_attributes_are_those_of_trained_items() -> None:
    catalog = described([[0, 1], [2], [], [4, 1, 4]])
    found = Attributes.of(catalog, np.array([0, 2, 3], dtype=np.int32))
    # Attribute 2 belongs to no trained item, so 4 is the third; twice counts once.
    assert (found.count, found.offsets.tolist(), found.codes.tolist()) == (
        3, [0, 2, 2, 4], [0, 1, 1, 2],
    )  # fmt: skip
    items = np.array([2, 1, 2], dtype=np.int32)
    assert found.described(items).tolist() == [True, False, True]
    assert [part.tolist() for part in found.pairs(items)] == [[0, 0, 2, 2], [1, 2, 1, 2]]


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
    # Two neighbours are beginnings of one session, so not all have a foreign segment.
    batch = Sessions.from_lists([[0, 1, 2, 11], [3, 4, 5], [6, 11], [6, 11, 7], [8, 9]])
    whole = mask(replace(batch, ids=np.array([0, 1, 2, 2, 3], dtype=np.int32)), ITEMS, 0.4, rng())
    split = list(whole.split(count))
    assert sum(len(part) for part in split) == len(whole)
    assert len(split) == min(count, len(whole))
    losses = torch.stack([made(part) * len(part) for part in split]).sum(dim=0)
    torch.testing.assert_close(losses, made(whole) * len(whole))


# The whole.


def test_pre_training_lowers_its_losses() -> None:
    lines: list[str] = []
    train = samples.cycle_sessions()
    trainer = pretrainer(train, samples.CYCLE, lines.append, pretrain_epochs=4)
    curve = trainer.train(train, Checkpoint(None)).curve
    assert all(last < 0.8 * first for first, last in zip(curve[0], curve[-1], strict=True))
    assert lines[0].startswith(f"pre-training: epoch 1: loss {curve[0][0]:.4f} (attributes ")
    assert len(lines) == 4


def test_parts_of_a_step_have_its_gradients() -> None:
    train = samples.cycle_sessions()
    trainer = pretrainer(train, samples.CYCLE, dropout=0)
    batch = mask(train.take(np.arange(20)), samples.CYCLE, 0.3, rng())

    def found(count: int) -> list[Any]:
        trainer.parts = count
        trainer.optimizer.zero_grad()
        losses = trainer._gradients(batch)
        return [losses, *(p.grad.clone() for p in trainer.variables if p.grad is not None)]

    for one, other in zip(found(1), found(3), strict=True):
        torch.testing.assert_close(one, other)


def test_short_memory_means_smaller_parts_and_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    plain, lines = Objectives.forward, list[str]()

    def forward(self: Objectives, batch: MaskedBatch) -> Any:
        if len(batch) > 20:
            raise torch.OutOfMemoryError
        return plain(self, batch)

    # Without dropout the parts add up to the same gradient.
    values: dict[str, Any] = {"dropout": 0, "pretrain_epochs": 1, "epochs": 1}
    whole = fitted(**values)
    monkeypatch.setattr(Objectives, "forward", forward)
    parts = fitted(**values, report=lines.append)
    assert lines[:2] == [
        "pre-training: memory is short: steps go on in parts of 32 sessions",
        "pre-training: memory is short: steps go on in parts of 16 sessions",
    ]
    assert lines[2].startswith("pre-training: epoch 1:")
    for name, value in weights(whole).items():
        if name.endswith("qkv.bias"):  # of a key's bias there is no gradient but rounding
            continue
        np.testing.assert_allclose(value, weights(parts)[name], atol=1e-3, err_msg=name)


def test_items_that_share_attributes_come_closer(monkeypatch: pytest.MonkeyPatch) -> None:
    def apart(table: Any, groups: Any) -> float:
        """Return how much more alike items that share their attribute are than others."""
        unit = table / np.linalg.norm(table, axis=1, keepdims=True)
        similar, same = unit @ unit.T, groups[:, None] == groups
        return float(similar[same & ~np.eye(len(table), dtype=bool)].mean() - similar[~same].mean())

    # Sessions are random: only attributes can tell which items belong together.
    tables, plain = list[Any](), S3Rec.pretrain

    def watched(self: Any, *args: Any) -> float:
        tables.append(weights(self)["table"].copy())
        seconds = plain(self, *args)
        tables.append(weights(self)["table"].copy())
        return seconds

    monkeypatch.setattr(S3Rec, "pretrain", watched)
    codes = fitted(pretrain_epochs=8, learning_rate=0.03, epochs=1)._vocabulary.codes
    before, after = (apart(table, samples.catalog().attribute_codes[codes]) for table in tables)
    assert abs(before) < 0.1
    assert after > 0.3


def test_it_recommends_by_attributes_where_sessions_alone_tell_too_little() -> None:
    # Sessions stay among the 20 items that share an attribute, and show each item but twice.
    draw, groups = rng(), np.arange(400) % 20
    sessions = [draw.choice(np.arange(g, 400, 20), size=5, replace=False) for g in groups[:160]]
    catalog, train = described([[int(g)] for g in groups]), samples.in_order(sessions)
    shares, values = [], {**SMALL, "dim": 32, "batch_size": 32, "epochs": 8, "patience": 8}
    for epochs in (0, 10):
        model = S3Rec(S3Rec.Config.create({**values, "pretrain_epochs": epochs}, "s3rec"))
        model.fit(train, Bench(catalog, train, np.bincount(train.items, minlength=400)))
        items = model.recommend(train, 10).items
        shares.append(np.mean(groups[items] == groups[train.items.reshape(-1, 5)[:, :1]]))
    assert shares[0] < 0.3
    assert shares[1] > 0.6


def test_without_pre_training_it_is_sasrec() -> None:
    values: dict[str, Any] = {"weight_decay": 0.01, "dropout": 0.1}
    lines: list[str] = []
    one = fitted(pretrain_epochs=0, report=lines.append, **values)
    assert not [line for line in lines if line.startswith("pre-training")]
    config = {name: value for name, value in SMALL.items() if name != "pretrain_epochs"}
    train = samples.sessions(seed=1)
    other = SASRec(SASRec.Config.create({**config, "epochs": 2, **values}, "sasrec"))
    other.fit(train, samples.bench(train, seed=7))
    require_equal(one, other)


def test_only_what_recommends_is_kept(tmp_path: Path) -> None:
    model = fitted()
    assert weights(model).keys() == weights(fitted(pretrain_epochs=0)).keys()
    model.save(tmp_path / "model")
    again = S3Rec.load(tmp_path / "model")
    require_equal(model, again)
    left, right = (m.recommend(samples.prompts(), 9) for m in (model, again))
    np.testing.assert_array_equal(left.items, right.items)


def test_a_catalog_without_attributes_is_no_error() -> None:
    lines: list[str] = []
    model = fitted(catalog=bare_catalog(samples.ITEMS), report=lines.append)
    assert "(attributes 0.0000, masked items " in lines[0]
    assert "masked attributes 0.0000" in lines[0]
    assert (model.recommend(samples.prompts(), 5).items[0] >= 0).all()


def test_other_attributes_make_another_fit(tmp_path: Path) -> None:
    one = fitted(checkpoints=tmp_path)
    other = fitted(checkpoints=tmp_path, catalog=bare_catalog(samples.ITEMS))
    assert not np.array_equal(weights(one)["table"], weights(other)["table"])


def test_what_validates_is_not_pre_trained_on(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Sessions] = []
    plain = Pretrainer.train

    def train(self: Pretrainer, sessions: Sessions, checkpoint: Any) -> Any:
        seen.append(sessions)
        return plain(self, sessions, checkpoint)

    monkeypatch.setattr(Pretrainer, "train", train)
    fitted()
    assert len(seen[0]) == 72  # of 80, a tenth is held out
    fitted(S3RecLeaveOneOut)
    whole = samples.sessions(seed=1)
    assert seen[1].interactions == whole.interactions - len(whole)


class Killed(Exception):
    """Stands for the signal that ends a fit."""


@pytest.mark.parametrize(
    ("line", "bare"),
    [("pre-training: epoch 1:", False), ("pre-training: epoch 3:", True), ("epoch 1:", False)],
)
def test_a_killed_fit_goes_on_as_if_nothing_had_happened(
    line: str, bare: bool, tmp_path: Path
) -> None:
    values: dict[str, Any] = {"pretrain_epochs": 3, "patience": 9, "clipnorm": 1.0}
    if bare:
        values["catalog"] = bare_catalog(samples.ITEMS)
    lines: list[str] = []

    def killing(text: str) -> None:
        if text.startswith(line):
            raise Killed

    whole = fitted(**values)
    with pytest.raises(Killed):
        fitted(**values, checkpoints=tmp_path, report=killing)
    again = fitted(**values, checkpoints=tmp_path, report=lines.append)
    require_equal(whole, again)
    done = 1 if line == "pre-training: epoch 1:" else 3
    assert lines[0] == f"pre-training: goes on after epoch {done}"
    assert sum(text.startswith("pre-training: epoch") for text in lines) == 3 - done
    # Only the finished model stays.
    assert [file.suffix for file in tmp_path.iterdir() if file.suffix != ".lock"] == [
        ".safetensors"
    ]


def test_the_global_generator_is_left_alone() -> None:
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    fitted(epochs=1)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_leave_one_out_is_a_protocol_of_its_own() -> None:
    assert S3RecLeaveOneOut.protocol == "leave-one-out"
    assert S3Rec.protocol is None
    assert (S3RecLeaveOneOut.Config().hold_out, S3Rec.Config().hold_out) == (
        "last-items",
        "sessions",
    )
    items = fitted(S3RecLeaveOneOut).recommend(samples.prompts(), 5).items
    assert (items[0] >= 0).all()
