"""Our metrics pass the conformance kit that strangers' metrics pass."""

from __future__ import annotations

from benchkit_plugins.metrics.average_popularity import AveragePopularity
from benchkit_plugins.metrics.coverage import Coverage
from benchkit_plugins.metrics.diversity import Diversity
from benchkit_plugins.metrics.gini import Gini
from benchkit_plugins.metrics.hr import HitRate
from benchkit_plugins.metrics.mrr import MRR
from benchkit_plugins.metrics.ndcg import NDCG
from benchkit_plugins.metrics.novelty import Novelty
from benchkit_plugins.metrics.serendipity import Serendipity
from tests.conforming import MetricConformance


class TestAveragePopularity(MetricConformance):
    component = AveragePopularity


class TestCoverage(MetricConformance):
    component = Coverage


class TestDiversity(MetricConformance):
    component = Diversity


class TestGini(MetricConformance):
    component = Gini


class TestHitRate(MetricConformance):
    component = HitRate


class TestMRR(MetricConformance):
    component = MRR


class TestNDCG(MetricConformance):
    component = NDCG


class TestNovelty(MetricConformance):
    component = Novelty


class TestSerendipity(MetricConformance):
    component = Serendipity
