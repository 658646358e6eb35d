"""The training loop: early stopping, clipping, checkpoints, short memory, progress."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from itertools import count
from math import isfinite, isnan, log2
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from benchkit import Sessions
from benchkit.contracts.errors import DivergedError, StorageError
from benchkit.testing import samples
from benchkit_plugins.recommenders.bert4rec import BERT4Rec
from benchkit_plugins.recommenders.gru4rec import GRU4Rec
from benchkit_plugins.recommenders.neural import training, validation
from benchkit_plugins.recommenders.neural.training import State, Trainer
from benchkit_plugins.recommenders.neural.validation import (
    Validation,
    hold_out,
    ndcg,
    ndcg_of_popularity,
)
from benchkit_plugins.recommenders.sasrec import SASRec
from tests.recommenders.neural.models import each_model, fitted, require_equal, weights

PAPER: dict[str, Any] = {"epochs": 50, "patience": 2, "stop_on_plateau": True}
CONFIG = SASRec().config


def scripted(monkeypatch: pytest.MonkeyPatch, scores: list[float]) -> None:
    """Make validation return the given scores, one an epoch."""
    left = iter(scores)
    monkeypatch.setattr(training, "ndcg", lambda *args: next(left))


def test_stops_after_two_epochs_without_improvement(monkeypatch: pytest.MonkeyPatch) -> None:
    scripted(monkeypatch, [0.1, 0.3, 0.3, 0.2, 0.9])
    state = fitted(SASRec, **PAPER).training
    assert (state.epoch, state.best) == (4, 0.3)


def test_best_weights_are_restored(monkeypatch: pytest.MonkeyPatch) -> None:
    scripted(monkeypatch, [0.1, 0.3, 0.2, 0.2])
    stopped = fitted(SASRec, **PAPER)
    scripted(monkeypatch, [0.1, 0.3])
    require_equal(stopped, fitted(SASRec, epochs=2))


def test_a_model_that_starts_slowly_is_not_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    # Of this loss nobody knows what popularity has: validation tells alone.
    def state(**values: Any) -> State:
        scripted(monkeypatch, [*[0.02, 0.01] * 4, 0.9, 0.1, 0.1])
        trained: State = fitted(GRU4Rec, epochs=50, patience=2, loss="bpr", **values).training
        return trained

    slow = state()
    assert (state(stop_on_plateau=True).epoch, slow.epoch, slow.best) == (3, 11, 0.9)


def test_a_model_below_popularity_whose_loss_falls_no_more_is_stopped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scripted(monkeypatch, [0.01] * 50)
    losses = iter([3.0, 2.9, 2.8, 2.8, 2.9, 2.7])
    monkeypatch.setattr(Trainer, "_epoch", lambda *_: next(losses))
    assert fitted(GRU4Rec, epochs=50, patience=2, loss="bpr").training.epoch == 5


@pytest.mark.parametrize(("loss", "epochs"), [(2.0, 4), (1.2, 3)])
def test_a_loss_below_the_items_entropy_has_left_the_plateau(
    loss: float, epochs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Four items, as often each: their entropy is ln 4 = 1.39.
    scripted(monkeypatch, [0.01] * 50)
    losses = iter([3.0, loss, 3.0, 3.0])
    monkeypatch.setattr(Trainer, "_epoch", lambda *_: next(losses))
    train = Sessions.from_lists([[0, 1, 2, 3]] * 9)
    assert fitted(GRU4Rec, train, epochs=50, patience=2).training.epoch == epochs


def test_a_model_that_has_learnt_and_learns_no_more_is_stopped() -> None:
    state = fitted(SASRec, samples.cycle_sessions(), epochs=200, patience=3).training
    assert state.epoch < 60
    assert state.best > 0.95


def test_the_paper_stops_as_it_does_and_others_later() -> None:
    for model in (GRU4Rec, SASRec, BERT4Rec):
        published = model.Config.create(model.presets["beauty"], model.name)
        assert (published.patience, published.stop_on_plateau) == (2, True)
        assert (model().config.patience, model().config.stop_on_plateau) == (10, False)


def test_popularity_is_ranked_as_a_network_of_biases_would() -> None:
    # Item 0 is the most frequent one; items 1 and 2 are as frequent, and the truth comes last.
    frequencies = np.array([9, 5, 5, 1])
    held_out = Validation.of(Sessions.from_lists([[0, 1], [0, 3, 2], [1, 1, 0], [2, 2]]), CONFIG)
    # (0; 1): 1 behind 2. (0; 3): last of three. (0, 3; 2): behind 1. (1; 1), (2; 2): left out.
    # (1, 1; 0): first.
    expected = (1 / log2(3) + 1 / log2(4) + 1 / log2(3) + 1) / 6
    assert ndcg_of_popularity(held_out, frequencies) == pytest.approx(expected)
    model = fitted(GRU4Rec, Sessions.from_lists([[0, 1, 2, 3]] * 9))
    network, examples = model._network, model.examples(4)
    network.table.data.zero_()
    network.bias.data = torch.from_numpy(frequencies).float()
    assert ndcg(network, examples, held_out) == pytest.approx(expected)


def test_trains_no_longer_than_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    scripted(monkeypatch, [0.1, 0.2, 0.3, 0.4])
    assert fitted(SASRec, epochs=3).training.epoch == 3


@pytest.mark.parametrize(("count", "held"), [(1, 0), (2, 1), (95, 10), (10_000, 500)])
def test_a_tenth_is_held_out_at_most_500(count: int, held: int) -> None:
    sessions = Sessions.from_lists([[row, row] for row in range(count)])
    learnt, kept = hold_out(sessions, SASRec().config, np.random.default_rng(0))
    assert len(kept) == held
    assert sorted([*learnt.ids, *kept.ids]) == list(range(count))


def test_one_session_trains_without_validation() -> None:
    train = Sessions.from_lists([[0, 1, 2]])
    model = fitted(GRU4Rec, train, epochs=60, patience=60, dropout=0)
    found = model.recommend(Sessions.from_lists([[0]]), 1)
    assert found.items.tolist() == [[1]]


def test_sessions_of_one_item_train_nothing_but_answer() -> None:
    model = fitted(SASRec, Sessions.from_lists([[0], [1]]))
    assert (model.recommend(Sessions.from_lists([[0]]), 2).items == [[1, -1]]).all()


@each_model
def test_training_that_diverges_is_an_error(model: type[Any]) -> None:
    sentence = (
        rf"{model.name} diverged in epoch 1: .*learning_rate \(it is 1e\+30\) or clipnorm"
        r" \(it is none\)"
    )
    # In one step an epoch the loss is still right, and the weights are not.
    one_step: dict[str, Any] = {"batch_size": 512}
    for values in ({}, one_step, {**one_step, "validation_share": 0}):
        with pytest.raises(DivergedError, match=sentence):
            fitted(model, learning_rate=1e30, **values)


def test_divergence_tells_the_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    scripted(monkeypatch, [0.1, 0.2, float("nan")])
    with pytest.raises(DivergedError, match=r"diverged in epoch 3: .*clipnorm \(it is 5\)"):
        fitted(SASRec, epochs=9, clipnorm=5)


@pytest.mark.parametrize("score", [float("nan"), float("inf")])
def test_scores_that_are_not_finite_have_no_ndcg(score: float) -> None:
    scores, truth = torch.zeros(2, 3), torch.tensor([0, 1])
    scores[0, 0] = float("-inf")  # left out
    assert isfinite(validation._gains(scores, truth))
    scores[1, 2] = score
    assert isnan(validation._gains(scores, truth))


def test_weight_decay_reaches_every_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    def sizes(decay: float) -> dict[str, float]:
        scripted(monkeypatch, [0.1 * epoch for epoch in range(20)])
        model = fitted(GRU4Rec, weight_decay=decay, epochs=20)
        return {name: float(np.abs(value).mean()) for name, value in weights(model).items()}

    # Biases are no exception, though many leave them out.
    left, kept = sizes(90.0), sizes(0.0)
    assert all(left[name] < 0.5 * kept[name] for name in kept)


def test_the_global_generator_is_left_alone() -> None:
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    one = fitted(SASRec)
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(6)
    require_equal(one, fitted(SASRec))


def test_another_seed_gives_another_model() -> None:
    one, other = fitted(SASRec), fitted(SASRec, seed=8)
    assert not np.array_equal(weights(one)["table"], weights(other)["table"])


class Killed(Exception):
    """Stands for the signal that ends a fit."""


def killed_after(epochs: int) -> Callable[[str], None]:
    """Return a report that kills the fit when an epoch is through, its checkpoint written."""

    def report(line: str) -> None:
        if line.startswith(f"epoch {epochs}:"):
            raise Killed

    return report


@each_model
def test_a_killed_fit_goes_on_as_if_nothing_had_happened(model: type[Any], tmp_path: Path) -> None:
    whole = fitted(model, epochs=4, patience=9)
    lines: list[str] = []
    with pytest.raises(Killed):
        fitted(model, epochs=4, patience=9, checkpoints=tmp_path, report=killed_after(2))
    again = fitted(model, epochs=4, patience=9, checkpoints=tmp_path, report=lines.append)
    assert lines[0] == "goes on after epoch 2"
    assert len(lines) == 3
    require_equal(whole, again)
    assert again.training == whole.training


def test_a_fit_killed_within_an_epoch_repeats_that_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, steps, plain = fitted(SASRec, epochs=3, patience=9), [0], Trainer._gradients

    def gradients(self: Trainer, batch: Any) -> Any:
        steps[0] += 1
        if steps[0] == 5:
            raise Killed
        return plain(self, batch)

    monkeypatch.setattr(Trainer, "_gradients", gradients)
    with pytest.raises(Killed):
        fitted(SASRec, epochs=3, patience=9, checkpoints=tmp_path)
    require_equal(whole, fitted(SASRec, epochs=3, patience=9, checkpoints=tmp_path))


def test_a_finished_fit_is_not_repeated(tmp_path: Path) -> None:
    one, lines = fitted(SASRec, checkpoints=tmp_path), list[str]()
    other = fitted(SASRec, checkpoints=tmp_path, report=lines.append)
    require_equal(one, other)
    (kept,) = tmp_path.glob("*.safetensors")
    assert lines == [f"weights of an earlier fit serve again: {kept.name}"]
    assert other.training == one.training
    assert not list(tmp_path.glob("*.training"))


def test_damaged_weights_are_made_anew(tmp_path: Path) -> None:
    one, lines = fitted(SASRec, checkpoints=tmp_path), list[str]()
    (kept,) = tmp_path.glob("*.safetensors")
    kept.write_bytes(kept.read_bytes()[:1000])
    require_equal(one, fitted(SASRec, checkpoints=tmp_path, report=lines.append))
    assert lines[0] == f"weights of an earlier fit are damaged and trained again: {kept.name}"
    require_equal(one, SASRec.load(kept))


def test_weights_that_cannot_be_kept_are_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "weights").write_text("a file")
    with pytest.raises(StorageError, match=r"cannot write .*weights"):
        fitted(SASRec, checkpoints=tmp_path / "weights")


def test_weights_made_with_other_threads_do_not_serve(tmp_path: Path) -> None:
    before = torch.get_num_threads()
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            fitted(SASRec, checkpoints=tmp_path)
    finally:
        torch.set_num_threads(before)
    assert len(list(tmp_path.glob("*.safetensors"))) == 2


def test_a_model_is_made_anew_where_the_code_of_its_base_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in {
        "base_model": f"from {SASRec.__module__} import SASRec\nclass Base(SASRec): ...\n",
        "derived_model": "from base_model import Base\nclass Derived(Base): ...\n",
    }.items():
        (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    derived = importlib.import_module("derived_model").Derived
    before = derived._code()
    assert before[2:] == SASRec._code()  # what benchkit trains with counts for strangers, too
    for text, same in (("# a comment\n", True), ("EDITED = True\n", False)):
        with (tmp_path / "base_model.py").open("a") as file:
            file.write(text)
        assert (derived._code() == before) is same


def test_what_code_nobody_can_read_trains_is_not_kept(tmp_path: Path) -> None:
    class Typed(SASRec):
        """Stands for a class typed at a prompt."""

    Typed.__module__ = "typed_at_a_prompt"
    fitted(Typed, checkpoints=tmp_path, epochs=1)
    assert not list(tmp_path.iterdir())


def test_a_bench_knows_the_weights_and_what_an_earlier_fit_took(tmp_path: Path) -> None:
    first: dict[str, float] = {}
    second: dict[str, float] = {}
    one = fitted(SASRec, checkpoints=tmp_path, kept=first)
    fitted(SASRec, checkpoints=tmp_path, kept=second)
    (name,) = first
    assert first == {name: 0.0}
    assert second == {name: one.training.seconds}
    assert one.training.seconds > 0


def test_what_a_killed_fit_took_counts(tmp_path: Path) -> None:
    values: dict[str, Any] = {"epochs": 3, "patience": 9, "checkpoints": tmp_path}

    with pytest.raises(Killed):
        fitted(SASRec, **values, report=killed_after(2))
    kept: dict[str, float] = {}
    again = fitted(SASRec, **values, kept=kept)
    assert 0 < sum(kept.values()) < again.training.seconds


@pytest.mark.parametrize("change", [{"seed": 8}, {"dropout": 0.2}, {"train": 2}])
def test_another_fit_does_not_go_on_from_it(tmp_path: Path, change: dict[str, Any]) -> None:
    fitted(SASRec, checkpoints=tmp_path)
    if "train" in change:
        change = {"train": samples.sessions(seed=2)}
    require_equal(fitted(SASRec, checkpoints=tmp_path, **change), fitted(SASRec, **change))


def test_a_damaged_checkpoint_is_as_good_as_none(tmp_path: Path) -> None:
    with pytest.raises(Killed):
        fitted(SASRec, checkpoints=tmp_path, report=killed_after(1))
    (file,) = tmp_path.glob("*.training")
    file.write_bytes(file.read_bytes()[:1000])
    require_equal(fitted(SASRec, checkpoints=tmp_path), fitted(SASRec))


def test_short_memory_means_smaller_parts_and_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    plain, lines = Trainer._gradients, list[str]()

    def gradients(self: Trainer, batch: Any) -> Any:
        if len(batch) / self.parts > 10:
            torch.empty(1 << 60)  # what no machine has
        return plain(self, batch)

    # Without dropout the parts add up to the same gradient.
    whole = fitted(SASRec, dropout=0)
    monkeypatch.setattr(Trainer, "_gradients", gradients)
    parts = fitted(SASRec, dropout=0, report=lines.append)
    assert lines[:2] == [
        "memory is short: steps go on in micro-batches of 16",
        "memory is short: steps go on in micro-batches of 8",
    ]
    for name, value in weights(whole).items():
        np.testing.assert_allclose(value, weights(parts)[name], atol=1e-3, err_msg=name)


def test_memory_too_short_for_one_session_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def gradients(self: Trainer, batch: Any) -> Any:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(Trainer, "_gradients", gradients)
    with pytest.raises(torch.OutOfMemoryError):
        fitted(SASRec)


def test_without_validation_none_is_reported() -> None:
    lines: list[str] = []
    fitted(SASRec, report=lines.append, validation_share=0)
    assert len(lines) == 2
    assert all("validation" not in line and " sessions/s" in line for line in lines)


def test_each_epoch_reports_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    # a clock of its own: on a busy machine an epoch takes longer
    clock = SimpleNamespace(perf_counter=count(step=0.01).__next__)
    monkeypatch.setattr(training, "time", clock)
    lines: list[str] = []
    fitted(SASRec, report=lines.append)
    assert len(lines) == 2
    assert lines[0].startswith("epoch 1: loss 3.")
    for part in ("validation NDCG@20 0.", " sessions/s", "at most 0 s left"):
        assert part in lines[0]


@pytest.mark.parametrize("loss", ["sampled-softmax", "gbce", "bpr"])
def test_other_losses_learn_the_cycle(loss: str) -> None:
    train = samples.cycle_sessions()
    model = fitted(SASRec, train, epochs=40, patience=40, loss=loss, negatives=8)
    prompts = samples.cycle_prompts()
    firsts = model.recommend(prompts, 1).items[:, 0]
    assert np.mean(firsts == (np.arange(samples.CYCLE) + 3) % samples.CYCLE) > 0.8


def test_bfloat16_learns_the_cycle() -> None:
    model = fitted(SASRec, samples.cycle_sessions(), epochs=30, patience=30, dtype="bfloat16")
    firsts = model.recommend(samples.cycle_prompts(), 1).items[:, 0]
    assert np.mean(firsts == (np.arange(samples.CYCLE) + 3) % samples.CYCLE) > 0.8
