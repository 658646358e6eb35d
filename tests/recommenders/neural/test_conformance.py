"""The conformance kit on every neural recommender."""

from __future__ import annotations

from typing import Any, ClassVar

from benchkit.testing.recommender import RecommenderConformance
from benchkit_plugins.recommenders.bert4rec import BERT4Rec
from benchkit_plugins.recommenders.gru4rec import GRU4Rec
from benchkit_plugins.recommenders.sasrec import SASRec
from tests.recommenders.neural.models import CONFIGS


class TestGRU4Rec(RecommenderConformance):
    component = GRU4Rec
    config: ClassVar[dict[str, Any]] = CONFIGS[GRU4Rec]


class TestSASRec(RecommenderConformance):
    component = SASRec
    config: ClassVar[dict[str, Any]] = CONFIGS[SASRec]


class TestBERT4Rec(RecommenderConformance):
    component = BERT4Rec
    config: ClassVar[dict[str, Any]] = CONFIGS[BERT4Rec]
