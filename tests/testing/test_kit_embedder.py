"""Every check of embedders fails on an embedder that breaks just that promise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from benchkit import Embedder
from benchkit.testing import EmbedderConformance
from tests.testing.right import Words
from tests.testing.trials import checks, must_fail, own_checks, try_check


class DoublePrecision(Words):
    def embed(self, texts: Sequence[str]) -> Any:
        return super().embed(texts).astype(np.float64)


class OneVectorForAll(Words):
    def embed(self, texts: Sequence[str]) -> Any:
        return super().embed(texts).sum(axis=0)


class Unscalable(Words):
    def embed(self, texts: Sequence[str]) -> Any:
        vectors = super().embed(texts)
        vectors[["alert" in text for text in texts]] = np.inf
        return vectors


class SaysNothing(Words):
    def embed(self, texts: Sequence[str]) -> Any:
        vectors = super().embed(texts)
        vectors[[text == "a" for text in texts]] = 0
        return vectors


class NeedsTexts(Words):
    def embed(self, texts: Sequence[str]) -> Any:
        return np.stack([super(NeedsTexts, self).embed([text])[0] for text in texts])


class InventsARow(Words):
    def embed(self, texts: Sequence[str]) -> Any:
        return super().embed(texts or ["nothing"])


class Blind(Words):
    def embed(self, texts: Sequence[str]) -> Any:
        return np.ones((len(texts), 8), dtype=np.float32)


class AddsThePlace(Words):
    def embed(self, texts: Sequence[str]) -> Any:
        return super().embed(texts) + np.arange(len(texts), dtype=np.float32)[:, None]


class CentresTheBatch(Words):
    def embed(self, texts: Sequence[str]) -> Any:
        vectors = super().embed(texts)
        return vectors - vectors.mean(axis=0)


class PythonsHash(Words):
    def embed(self, texts: Sequence[str]) -> Any:
        rows = [np.random.default_rng(abs(hash(text))).normal(size=8) for text in texts]
        return np.array(rows, dtype=np.float32)


WRONG: list[tuple[type[Embedder], str, str]] = [
    (DoublePrecision, "test_one_finite_row_a_text", "must be float32, not float64"),
    (OneVectorForAll, "test_one_finite_row_a_text", "must have shape"),
    (Unscalable, "test_one_finite_row_a_text", "must be finite"),
    (SaysNothing, "test_one_finite_row_a_text", "no text may have a zero vector"),
    (NeedsTexts, "test_no_texts_are_no_error", "no text at all must be no error"),
    (InventsARow, "test_no_texts_are_no_error", "must give no rows, not 1"),
    (Blind, "test_different_texts_differ", "the same vector"),
    (AddsThePlace, "test_same_text_same_row", "the same text twice"),
    (AddsThePlace, "test_order_does_not_matter", "texts in another order"),
    (CentresTheBatch, "test_a_row_does_not_depend_on_its_neighbours", "alone and together"),
    (PythonsHash, "test_another_process_gives_the_same", r"hash\(\) differs"),
]


@pytest.mark.parametrize("check", checks(EmbedderConformance))
def test_the_right_one_passes(check: str) -> None:
    try_check(EmbedderConformance, Words, check)


@pytest.mark.parametrize(("wrong", "check", "message"), WRONG)
def test_a_wrong_one_fails(wrong: type[Embedder], check: str, message: str) -> None:
    must_fail(EmbedderConformance, wrong, check, message)


def test_every_check_has_a_wrong_one() -> None:
    assert {check for _, check, _ in WRONG} == own_checks(EmbedderConformance)
