"""S3-Rec: its pre-training, and that it is kept, resumed and of use."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchkit import Sessions
from benchkit.contracts.errors import DivergedError
from benchkit.evaluation.bench import Workbench
from benchkit.testing import samples
from benchkit_plugins.recommenders.neural.checkpoint import Checkpoint
from benchkit_plugins.recommenders.neural.masking import MaskedBatch, mask
from benchkit_plugins.recommenders.neural.objectives import Objectives
from benchkit_plugins.recommenders.neural.pretraining import Pretrainer
from benchkit_plugins.recommenders.s3rec import S3Rec, S3RecLeaveOneOut
from benchkit_plugins.recommenders.sasrec import SASRec
from tests.making import catalog as bare_catalog
from tests.recommenders.neural.models import require_equal, weights
from tests.recommenders.neural.s3rec import SMALL, described, fitted, pretrainer, rng


def test_pre_training_lowers_its_losses() -> None:
    lines: list[str] = []
    train = samples.cycle_sessions()
    trainer = pretrainer(train, samples.CYCLE, lines.append, pretrain_epochs=4)
    curve = trainer.train(train, Checkpoint(None)).curve
    assert all(last < 0.8 * first for first, last in zip(curve[0], curve[-1], strict=True))
    assert lines[0].startswith(f"pre-training: epoch 1: loss {curve[0][0]:.4f} (attributes ")
    assert len(lines) == 4


def test_pre_training_that_diverges_is_an_error() -> None:
    lines: list[str] = []
    with pytest.raises(DivergedError, match="s3rec diverged in epoch 1: "):
        fitted(learning_rate=1e30, report=lines.append)
    assert not lines  # it was pre-training


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
        "pre-training: memory is short: steps go on in micro-batches of 32",
        "pre-training: memory is short: steps go on in micro-batches of 16",
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
        model.fit(train, Workbench(catalog, train, np.bincount(train.items, minlength=400)))
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
    assert (S3Rec.Config().epochs, S3Rec.Config().patience) == (200, 10)
    assert (S3RecLeaveOneOut.Config().hold_out, S3Rec.Config().hold_out) == (
        "last-items",
        "sessions",
    )
    items = fitted(S3RecLeaveOneOut).recommend(samples.prompts(), 5).items
    assert (items[0] >= 0).all()
