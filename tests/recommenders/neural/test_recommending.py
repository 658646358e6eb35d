"""Answers, exclusion, ties, and models that are kept."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchkit import DataError, Sessions, UnavailableError
from benchkit.testing import samples
from benchkit.toolkit.ranking import tie_keys, top_k
from benchkit_plugins.recommenders.bert4rec import BERT4Rec
from benchkit_plugins.recommenders.gru4rec import GRU4Rec
from benchkit_plugins.recommenders.neural import checkpoint, scoring
from benchkit_plugins.recommenders.neural.network import Network
from benchkit_plugins.recommenders.neural.packing import Packed
from benchkit_plugins.recommenders.neural.validation import Validation, hold_out, ndcg
from benchkit_plugins.recommenders.sasrec import SASRec
from tests.recommenders.neural.models import each_model, fitted, require_equal


@pytest.fixture
def no_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the GPUs of the machine, if it has any."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


@each_model
def test_a_kept_model_gives_the_same_lists(model: type[Any], tmp_path: Path) -> None:
    one = fitted(model)
    one.save(tmp_path / "model.safetensors")
    other = model.load(tmp_path / "model.safetensors")
    require_equal(one, other)
    assert other.config == one.config
    left, right = (m.recommend(samples.prompts(), 9) for m in (one, other))
    np.testing.assert_array_equal(left.items, right.items)
    np.testing.assert_array_equal(left.scores, right.scores)


def test_a_model_of_another_kind_is_refused(tmp_path: Path) -> None:
    fitted(SASRec).save(tmp_path / "model")
    with pytest.raises(DataError, match="holds a sasrec, not a gru4rec"):
        GRU4Rec.load(tmp_path / "model")
    (tmp_path / "noise").write_bytes(b"\x80\x04pickle")
    with pytest.raises(DataError, match="no model"):
        SASRec.load(tmp_path / "noise")


@pytest.mark.parametrize("lost", ["weights/table", "items/codes", "config", "training"])
def test_a_model_that_is_not_whole_is_refused(lost: str, tmp_path: Path) -> None:
    file = tmp_path / "model"
    fitted(SASRec).save(file)
    arrays, about = checkpoint.read(file)
    for part in (arrays, about):
        part.pop(lost, None)
    checkpoint.write(file, arrays, about)
    with pytest.raises(DataError, match="no whole model"):
        SASRec.load(file)


@pytest.mark.usefixtures("no_cuda")
def test_a_model_trained_elsewhere_is_loaded_here(tmp_path: Path) -> None:
    file, model = tmp_path / "model", fitted(SASRec)
    model.save(file)
    arrays, about = checkpoint.read(file)
    checkpoint.write(file, arrays, {**about, "config": {**about["config"], "device": "cuda"}})
    with pytest.raises(UnavailableError):
        SASRec.load(file)
    require_equal(model, SASRec.load(file, device="cpu"))


def test_recommends_trained_items_alone() -> None:
    items = fitted(SASRec).recommend(samples.prompts(), samples.ITEMS).items
    assert not np.isin(items, samples.UNTRAINED).any()


def test_excludes_what_is_read() -> None:
    prompts = Sessions.from_lists([[1, 2, 3]])
    seen = {
        choice: set(
            fitted(SASRec, last_n_items=2, exclude_seen=choice).recommend(prompts, 40).items[0]
        )
        & {1, 2, 3}
        for choice in ("none", "read", "prompt")
    }
    assert seen == {"none": {1, 2, 3}, "read": {1}, "prompt": set()}


def test_only_the_last_items_are_read() -> None:
    model = fitted(SASRec, last_n_items=2, exclude_seen="none")
    short, long = (model.recommend(Sessions.from_lists([p]), 9) for p in ([2, 3], [0, 1, 2, 3]))
    np.testing.assert_array_equal(short.items, long.items)


def test_an_empty_prompt_gets_the_items_of_largest_bias() -> None:
    model = fitted(SASRec)
    bias = model._network.bias.detach().numpy()
    found = model.recommend(Sessions.from_lists([[]]), 3).items[0]
    assert found.tolist() == model._vocabulary.codes[np.argsort(-bias, kind="stable")[:3]].tolist()


@pytest.mark.parametrize("k", [1, 3, 4, 6])
def test_ranking_equals_the_one_of_the_core(k: int) -> None:
    # Few values, so many ties, also at the end of the lists.
    scores = torch.randint(0, 3, (50, 6), generator=torch.Generator().manual_seed(0)).float()
    exclude = Sessions.from_lists([[row % 6] if row % 2 else [] for row in range(50)])
    keys = tie_keys(Sessions.from_lists([[row] for row in range(50)]), seed=0)
    codes = np.arange(6, dtype=np.int32)
    expected = top_k(scores.numpy().copy(), k, keys, exclude)
    scores[torch.from_numpy(exclude.owners), torch.from_numpy(exclude.items).long()] = -torch.inf
    found = scoring._best(scores, k, codes, keys)
    np.testing.assert_array_equal(found.items, expected.items)
    np.testing.assert_array_equal(found.scores, expected.scores)


def test_small_batches_of_prompts_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    model = fitted(SASRec)
    whole = model.recommend(samples.prompts(), 5).items
    monkeypatch.setattr(scoring, "_HELD", 30)
    np.testing.assert_array_equal(model.recommend(samples.prompts(), 5).items, whole)


Queries = Callable[[Network, Packed], torch.Tensor]


def asked(monkeypatch: pytest.MonkeyPatch, model: Any, queries: Queries) -> None:
    """Make a fitted model's network give these queries."""
    network = model._network
    monkeypatch.setattr(network, "queries", partial(queries, network))


@pytest.mark.parametrize(
    ("model", "values"), [(SASRec, {}), (BERT4Rec, {}), (BERT4Rec, {"fill": True})]
)
def test_hidden_states_are_bounded_however_few_items_there_are(
    model: type[Any], values: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    recommender, held = fitted(model, **values), 30 * 16 * 21
    plain: Queries = type(recommender._network).queries
    sizes: list[int] = []

    def queries(network: Network, packed: Packed) -> torch.Tensor:
        sizes.append(len(packed.lengths) * packed.width * 16)
        return plain(network, packed)

    prompts = samples.sessions(seed=3, count=200)
    validation = Validation.of(recommender._vocabulary.encode(prompts), recommender.config)
    examples = recommender.examples(recommender._network.items)
    expected = recommender.recommend(prompts, 5), ndcg(recommender._network, examples, validation)
    asked(monkeypatch, recommender, queries)
    monkeypatch.setattr(scoring, "_HELD", held)
    found = recommender.recommend(prompts, 5), ndcg(recommender._network, examples, validation)
    np.testing.assert_array_equal(found[0].items, expected[0].items)
    assert found[1] == pytest.approx(expected[1])
    assert held / 2 < max(sizes) <= held


def test_short_memory_means_fewer_prompts_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    model = fitted(SASRec)
    plain: Queries = type(model._network).queries
    sizes: list[int] = []

    def queries(network: Network, packed: Packed) -> torch.Tensor:
        if len(packed.lengths) > 7:
            torch.empty(1 << 60)  # what no machine has
        sizes.append(len(packed.lengths))
        return plain(network, packed)

    prompts = samples.sessions(seed=3, count=50)
    whole = model.recommend(prompts, 5).items
    asked(monkeypatch, model, queries)
    np.testing.assert_array_equal(model.recommend(prompts, 5).items, whole)
    assert (sum(sizes), max(sizes)) == (50, 7)


def test_memory_too_short_for_one_prompt_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def queries(network: Network, packed: Packed) -> torch.Tensor:
        raise torch.OutOfMemoryError

    model = fitted(SASRec)
    asked(monkeypatch, model, queries)
    with pytest.raises(torch.OutOfMemoryError):
        model.recommend(samples.prompts(), 5)


class Told:
    """A network that scores items as told."""

    def __init__(self, scores: list[list[float]]) -> None:
        self.scores = torch.tensor(scores)
        self.items = self.scores.shape[1]
        self.table, self.bias = torch.eye(self.items), torch.zeros(self.items)

    def eval(self) -> None:
        """Do nothing."""

    def queries(self, packed: Any) -> torch.Tensor:
        """Return the scores."""
        return self.scores


def test_validation_asks_for_every_item_but_the_first() -> None:
    held = Sessions.from_lists([[5, 6, 7], [8], [9, 1]])
    config = SASRec.Config.create({"last_n_items": 2}, "sasrec")
    found = Validation.of(held, config)
    assert [list(found.read[row]) for row in range(3)] == [[5], [5, 6], [9]]
    assert list(found.truth) == [6, 7, 1]


def test_validation_reads_and_asks_no_further_back_than_training() -> None:
    held = Sessions.from_lists([[1, 2, 3, 4, 5]])
    found = Validation.of(held, SASRec.Config.create({"last_n_items": 2}, "sasrec"))
    assert [list(found.read[row]) for row in range(2)] == [[3], [3, 4]]
    assert list(found.truth) == [4, 5]


@pytest.mark.parametrize("values", [{"validation_items": "last"}, {"hold_out": "last-items"}])
def test_validation_asks_for_the_last_item_alone(values: dict[str, Any]) -> None:
    config = SASRec.Config.create(values, "sasrec")
    sessions = Sessions.from_lists([[5, 6, 7], [8], [9, 1]])
    learnt, held = hold_out(sessions, config, np.random.default_rng(0))
    found = Validation.of(sessions, config)
    assert [list(found.read[row]) for row in range(2)] == [[5, 6], [9]]
    assert list(found.truth) == [7, 1]
    if config.hold_out == "last-items":
        assert held is sessions
        assert [list(learnt[row]) for row in range(3)] == [[5, 6], [], [9]]


def test_validation_is_ndcg_at_20() -> None:
    # Ranks: 1; 2, for the item that is read does not compete; a miss, for all are alike.
    read = Sessions.from_lists([[1], [0], [1]])
    scores = [[9.0, 0.0] + [0.0] * 28, [9.0, 5.0, 7.0] + [0.0] * 27, [1.0] * 30]
    held_out = Validation(read, read, np.array([0, 1, 2]))
    examples = SASRec().examples(30)
    found = ndcg(Told(scores), examples, held_out)  # type: ignore[arg-type]
    assert found == pytest.approx((1 + 1 / np.log2(3) + 0) / 3)


def test_validation_counts_no_truth_that_cannot_be_listed() -> None:
    read = Sessions.from_lists([[0, 1]])
    held_out = Validation(read, read, np.array([0]))
    told = Told([[9.0, 5.0, 7.0]])
    assert ndcg(told, SASRec().examples(3), held_out) == 0  # type: ignore[arg-type]


def test_validation_takes_no_diverged_network_for_a_good_one() -> None:
    read = Sessions.from_lists([[0]])
    held_out = Validation(read, read, np.array([1]))
    told = Told([[float("nan")] * 3])
    assert np.isnan(ndcg(told, SASRec().examples(3), held_out))  # type: ignore[arg-type]


@pytest.mark.usefixtures("no_cuda")
def test_a_device_that_is_not_there_is_a_clear_error() -> None:
    with pytest.raises(UnavailableError, match=r"cuda is not available; there is: .*cpu"):
        fitted(SASRec, device="cuda")


@pytest.mark.usefixtures("no_cuda")
def test_a_device_is_looked_for_before_embeddings_are_paid(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = partial(pytest.fail, "embeddings were asked for")
    monkeypatch.setattr(SASRec, "initial_embeddings", asked)
    with pytest.raises(UnavailableError):
        fitted(SASRec, device="cuda")
