"""LLM2X: item tables that start from given embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from benchkit_plugins.recommenders.bert4rec import BERT2BERT4Rec, BERT4Rec, LLM2BERT4Rec
from benchkit_plugins.recommenders.gru4rec import BERT2GRU4Rec, GRU4Rec, LLM2GRU4Rec
from benchkit_plugins.recommenders.neural.config import SAMPLE
from benchkit_plugins.recommenders.neural.text_initialised import text_initialised
from benchkit_plugins.recommenders.sasrec import BERT2SASRec, LLM2SASRec, SASRec
from tests.recommenders.embedding import bench, fitted
from tests.recommenders.neural.models import SMALL

VECTORS = np.random.default_rng(0).normal(size=(9, 8)).round(3)
TRAIN = ((0, 1, 2), (3, 4), (4, 5, 6), (1, 0, 3), (2, 2))  # 7 and 8 are never trained on
FAMILIES = [
    (SASRec, LLM2SASRec, BERT2SASRec),
    (GRU4Rec, LLM2GRU4Rec, BERT2GRU4Rec),
    (BERT4Rec, LLM2BERT4Rec, BERT2BERT4Rec),
]
# No step moves anything: what is learnt is what was there.
STILL: dict[str, Any] = {**SMALL, "learning_rate": 0.0, "epochs": 1, "dim": 6}


def table(model: Any) -> Any:
    return model._network.table.detach().numpy()


def given(train: Sequence[Sequence[int]] = TRAIN) -> Any:
    return bench(VECTORS.tolist(), train, bert=(-VECTORS).tolist())


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family[0].name)
def test_the_table_starts_from_reduced_embeddings(family: tuple[type[Any], ...]) -> None:
    _, llm, bert = family
    asked = given()
    model = fitted(llm, asked, **STILL)
    np.testing.assert_allclose(table(model), VECTORS[:7, :6], rtol=1e-6)
    assert asked.asked == [("minilm", "pca", 6, "catalog")]
    np.testing.assert_allclose(table(fitted(bert, given(), **STILL)), -VECTORS[:7, :6], rtol=1e-6)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family[0].name)
def test_one_class_with_other_values(family: tuple[type[Any], ...]) -> None:
    plain, llm, bert = family
    assert issubclass(llm, plain)
    assert issubclass(bert, llm)
    assert [model.name for model in (llm, bert)] == [f"llm2{plain.name}", f"bert2{plain.name}"]
    assert (llm.Config().embedder, bert.Config().embedder) == ("minilm", "bert")
    assert bert.presets == llm.presets
    for model, embedder in ((llm, "minilm"), (bert, "bert")):
        assert model().requires() == [("embedder", embedder), ("reducer", "pca")]
    assert llm.headline() != bert.headline()


def test_a_network_that_the_paper_does_not_have_cites_no_values_of_it() -> None:
    class Other(SASRec):
        name = "other"

    for model in text_initialised(Other):
        assert model.presets == {"sample": SAMPLE}
        assert "paper" not in str(model.__doc__)


def test_embeddings_go_on_learning_unless_frozen() -> None:
    values = {**STILL, "learning_rate": 0.01, "weight_decay": 0.5}
    assert not np.allclose(table(fitted(LLM2SASRec, given(), **values)), VECTORS[:7, :6])
    frozen = fitted(LLM2SASRec, given(), **values, freeze=True)
    np.testing.assert_allclose(table(frozen), VECTORS[:7, :6], rtol=1e-6)
    assert frozen._network.bias.detach().numpy().any()


def test_scale_sets_the_root_mean_square() -> None:
    model = fitted(LLM2SASRec, given(), **STILL, scale=0.5)
    whole = VECTORS[:, :6]
    size = np.sqrt((whole**2).mean())
    np.testing.assert_allclose(table(model), whole[:7] * 0.5 / size, rtol=1e-5)


def test_without_a_reducer_the_embedder_decides_the_dimension() -> None:
    asked = given()
    model = fitted(LLM2SASRec, asked, **STILL, reducer=None)
    assert table(model).shape == (7, 8)
    assert asked.asked == [("minilm", None, None, "catalog")]


def test_a_reducer_may_give_fewer_dimensions() -> None:
    assert table(fitted(LLM2SASRec, given(), **{**STILL, "dim": 20})).shape == (7, 8)


def test_the_other_variables_start_as_in_the_plain_model() -> None:
    one, other = (fitted(m, given(), **STILL)._network for m in (SASRec, LLM2SASRec))
    assert (one.head.weight == other.head.weight).all()
