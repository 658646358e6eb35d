"""The conformance kit: tests that every plugin must pass, ours as a stranger's.

    from benchkit.testing import RecommenderConformance

    class TestMyModel(RecommenderConformance):
        component = MyModel

Run it with pytest. Each failure says in words what is wrong with the plugin.
"""

from benchkit.testing.dataset import DatasetConformance
from benchkit.testing.embedder import EmbedderConformance
from benchkit.testing.metric import MetricConformance
from benchkit.testing.recommender import RecommenderConformance
from benchkit.testing.reducer import ReducerConformance

__all__ = [
    "DatasetConformance",
    "EmbedderConformance",
    "MetricConformance",
    "RecommenderConformance",
    "ReducerConformance",
]
