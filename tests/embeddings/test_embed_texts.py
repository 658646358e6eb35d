"""Texts outside the catalog, embedded and reduced as its own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchkit import Sessions, UnavailableError
from benchkit.evaluation.bench import Workbench
from benchkit.toolkit import progress as pace
from tests.making import catalog


def real_bench(folder: Path, **values: Any) -> Workbench:
    made = replace(catalog(4), texts=["red rose cream", "blue car racing", "", "red car"])
    train = Sessions.from_lists([[0, 1, 3]])
    return Workbench(made, train, np.bincount(train.items, minlength=4), workspace=folder, **values)


@pytest.mark.parametrize("name", ["lsa", "random"])
@pytest.mark.parametrize("reducer", [None, "pca", "random-projection"])
@pytest.mark.parametrize("fit_on", ["catalog", "train"])
def test_a_catalogs_text_gets_its_items_vector(
    tmp_path: Path, name: str, reducer: str | None, fit_on: str
) -> None:
    given = real_bench(tmp_path)
    about: Any = (name, reducer, None if reducer is None else 2, fit_on)
    vectors = given.embeddings(*about)
    texts = ["red car", "", "red car", "unknown words"]
    found = given.embed_texts(texts, *about)
    np.testing.assert_allclose(found[0], vectors[3], atol=1e-4)
    np.testing.assert_array_equal(found[0], found[2])
    assert not found[1].any()
    alone = given.embed_texts(texts[:1], *about)
    # float32 rounds products of one row and of several differently, relative to their size
    np.testing.assert_allclose(alone[0], found[0], rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize("reducer", [None, "pca"])
def test_under_the_strict_protocol_nothing_is_learnt_from_untrained_texts(
    tmp_path: Path, reducer: str | None
) -> None:
    def vectors(untrained: str, **how: Any) -> Any:
        made = replace(catalog(4), texts=["red rose cream", untrained, "blue car", "red car"])
        train = Sessions.from_lists([[0, 2, 3]])
        counts = np.bincount(train.items, minlength=4)
        given = Workbench(made, train, counts, workspace=tmp_path, **how)
        about: Any = ("lsa", reducer, None if reducer is None else 2)
        items = given.embeddings(*about)
        np.testing.assert_allclose(given.embed_texts(["red car"], *about)[0], items[3], atol=1e-5)
        return items

    one, other = (vectors(text, only_trained=True) for text in ("rose racing", "blue blue red"))
    np.testing.assert_allclose(one[[0, 2, 3]], other[[0, 2, 3]], atol=1e-6)
    assert one[1].any(), "an untrained item has a vector all the same"
    assert not np.allclose(one[1], other[1], atol=1e-3)
    one, other = (vectors(text) for text in ("rose racing", "blue blue red"))
    assert not np.allclose(one[0], other[0], atol=1e-3), (
        "elsewhere the whole catalog is learnt from"
    )


def test_texts_of_no_content_need_no_embedder(tmp_path: Path) -> None:
    assert real_bench(tmp_path).embed_texts(["", ""], "random", "pca", 2).shape[0] == 2


def test_a_long_embedding_says_how_far_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from benchkit_plugins.embedders.random import Random

    monkeypatch.setattr(pace, "_EVERY", 0.0)
    monkeypatch.setattr(Random, "batch_size", 1)
    said: list[str] = []
    given = real_bench(tmp_path, report=said.append)
    given.embeddings("random")
    given.embed_texts(["a", "b"], "random")
    assert [line.partition(" by ")[0] for line in said] == [
        "1 of 3 texts embedded",
        "2 of 3 texts embedded",
        "1 of 2 texts embedded",
    ]
    given.embeddings("random")
    assert len(said) == 3


def test_shuffled_asks_the_other_embedder(tmp_path: Path) -> None:
    given = real_bench(tmp_path, values={"shuffled": {"of": "random"}})
    found = given.embed_texts(["red car"], "shuffled")
    np.testing.assert_array_equal(found, given.embed_texts(["red car"], "random"))


def test_an_embedder_of_catalogs_alone_says_so() -> None:
    from benchkit_plugins.embedders.random import Random

    with pytest.raises(UnavailableError, match="random embeds nothing but the catalog"):
        Random().embed_new(["a"], ["b"], lambda _: np.zeros((1, 1), dtype=np.float32))
