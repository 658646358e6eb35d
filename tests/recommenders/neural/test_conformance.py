"""The conformance kit on every neural recommender."""

from __future__ import annotations

from typing import Any, ClassVar

from benchkit_plugins.recommenders.bert4rec import BERT4Rec, LLM2BERT4Rec
from benchkit_plugins.recommenders.gru4rec import GRU4Rec, LLM2GRU4Rec
from benchkit_plugins.recommenders.s3rec import S3Rec
from benchkit_plugins.recommenders.sasrec import LLM2SASRec, SASRec
from tests.conforming import ComponentConformance, RecommenderConformance
from tests.recommenders.neural.models import CONFIGS
from tests.recommenders.neural.s3rec import SMALL

# Enough for all but learning.
BRIEF: dict[str, Any] = {"epochs": 2}
# An embedder that learns from the catalog alone, and quickly.
TEXTS: dict[str, Any] = {"embedder": "lsa", "reducer": "random-projection"}


class NetworkConformance(RecommenderConformance):
    epochs = CONFIGS[SASRec]["epochs"]  # that learning a cycle takes

    def test_learns_a_cycle(self) -> None:
        self.config = {**self.config, "epochs": self.epochs}  # type: ignore[misc]
        super().test_learns_a_cycle()


class TestGRU4Rec(NetworkConformance):
    component = GRU4Rec
    config: ClassVar[dict[str, Any]] = {**CONFIGS[GRU4Rec], **BRIEF}


class TestSASRec(NetworkConformance):
    component = SASRec
    config: ClassVar[dict[str, Any]] = {**CONFIGS[SASRec], **BRIEF}


class TestBERT4Rec(NetworkConformance):
    component = BERT4Rec
    config: ClassVar[dict[str, Any]] = {**CONFIGS[BERT4Rec], **BRIEF, "epochs": 1}
    epochs = 4


class TestS3Rec(NetworkConformance):
    component = S3Rec
    config: ClassVar[dict[str, Any]] = {**SMALL, **BRIEF, "pretrain_epochs": 1}
    epochs = 12


class TestLLM2SASRec(NetworkConformance):
    component = LLM2SASRec
    config: ClassVar[dict[str, Any]] = {**CONFIGS[SASRec], **TEXTS, **BRIEF}


# What makes LLM2SASRec of SASRec makes these, too.
class TestLLM2GRU4Rec(ComponentConformance):
    component = LLM2GRU4Rec


class TestLLM2BERT4Rec(ComponentConformance):
    component = LLM2BERT4Rec
