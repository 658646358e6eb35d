"""The conformance kit for what comes with benchkit, less what one process shows for all of it."""

from __future__ import annotations

from benchkit.testing import component, embedder, metric, recommender, reducer


class ComponentConformance(component.ComponentConformance):
    # `test_architecture.py` imports every module that comes with benchkit.
    test_module_imports_nothing_heavy = None  # type: ignore[assignment]


class MetricConformance(ComponentConformance, metric.MetricConformance):
    pass


class EmbedderConformance(ComponentConformance, embedder.EmbedderConformance):
    # `test_another_process.py`, here and below
    test_another_process_gives_the_same = None  # type: ignore[assignment]


class ReducerConformance(ComponentConformance, reducer.ReducerConformance):
    test_another_process_gives_the_same = None  # type: ignore[assignment]


class RecommenderConformance(ComponentConformance, recommender.RecommenderConformance):
    test_another_process_gives_the_same = None  # type: ignore[assignment]
