"""The conformance kit on every neural recommender; S3-Rec's stands in `test_s3rec.py`."""

from __future__ import annotations

from typing import Any, ClassVar

from benchkit.testing.recommender import RecommenderConformance
from benchkit_plugins.recommenders.bert4rec import BERT4Rec, LLM2BERT4Rec
from benchkit_plugins.recommenders.gru4rec import GRU4Rec, LLM2GRU4Rec
from benchkit_plugins.recommenders.sasrec import LLM2SASRec, SASRec
from tests.recommenders.neural.models import CONFIGS

# An embedder that learns from the catalog alone, and quickly.
TEXTS: dict[str, Any] = {"embedder": "lsa", "reducer": "random-projection"}


class TestGRU4Rec(RecommenderConformance):
    component = GRU4Rec
    config: ClassVar[dict[str, Any]] = CONFIGS[GRU4Rec]


class TestSASRec(RecommenderConformance):
    component = SASRec
    config: ClassVar[dict[str, Any]] = CONFIGS[SASRec]


class TestBERT4Rec(RecommenderConformance):
    component = BERT4Rec
    config: ClassVar[dict[str, Any]] = CONFIGS[BERT4Rec]


class TestLLM2GRU4Rec(RecommenderConformance):
    component = LLM2GRU4Rec
    config: ClassVar[dict[str, Any]] = {**CONFIGS[GRU4Rec], **TEXTS}
    # LLM2SASRec shows it for all three
    test_another_process_gives_the_same = None  # type: ignore[assignment]


class TestLLM2SASRec(RecommenderConformance):
    component = LLM2SASRec
    config: ClassVar[dict[str, Any]] = {**CONFIGS[SASRec], **TEXTS}


class TestLLM2BERT4Rec(RecommenderConformance):
    component = LLM2BERT4Rec
    config: ClassVar[dict[str, Any]] = {**CONFIGS[BERT4Rec], **TEXTS, "epochs": 4}
    # LLM2SASRec shows it for all three
    test_another_process_gives_the_same = None  # type: ignore[assignment]
