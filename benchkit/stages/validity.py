"""Whether what a file says of a result can be: a figure that cannot be must not win a table."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from benchkit.contracts.metric import Metric, outside
from benchkit.registry import registry

if TYPE_CHECKING:
    from benchkit.stages.record import Record

_PARTS = {
    "dataset": ("name", "family", "synthetic", "config", "fingerprint"),
    "protocol": ("name", "ties", "test_share", "fingerprint", "rules"),
    "recommender": ("name", "distribution", "version", "source"),
}
_FIGURES = ("metrics", "seconds", "api", "diagnostics")
_OTHERS = ("failed_metrics", "overrides", "metric_sources", "split", "environment", "search")


def of_identity(identity: Mapping[str, Any]) -> str:
    """Return what is wrong with an identity's content, "" if nothing."""
    for part, names in _PARTS.items():
        content = identity[part]
        if not isinstance(content, Mapping) or any(name not in content for name in names):
            return f"its {part} is incomplete"
    whole = isinstance(identity["seed"], int) and isinstance(identity["depth"], int)
    if not isinstance(identity["config"], Mapping) or not whole:
        return "config must be an object, seed and depth integers"
    if not isinstance(identity["builds_on"], Mapping) or not isinstance(identity["search"], str):
        return "builds_on must be an object, search a text"
    if not isinstance(identity["protocol"]["ties"], (int, str)):
        return "its ties are neither a seed nor a word"
    return ""


def of_record(record: Record) -> str:
    """Return what is wrong with a record's content, "" if nothing."""
    for name in (*_FIGURES, *_OTHERS):
        if not isinstance(getattr(record, name), Mapping):
            return f"{name} must be an object"
    numbers = [value for part in _FIGURES for value in getattr(record, part).values()]
    if not all(is_finite(value) for value in (record.prompts, record.peak_memory, *numbers)):
        return "a figure is not a finite number"
    texts = (record.preset, record.created, record.asked, record.lists, *record.weights)
    if not all(isinstance(text, str) for text in texts):
        return "preset, times and names of files must be texts"
    return impossible(record.metrics)


def is_finite(value: object) -> bool:
    """Return whether a value is a number, and a finite one."""
    return isinstance(value, (int, float)) and math.isfinite(value)


def impossible(metrics: Mapping[str, float]) -> str:
    """Return which figure lies outside the bounds of its metric, "" if none does.

    Only benchkit's own metrics are looked at: a stranger's may have been another one then.

    Args:
        metrics: figures by metric and cutoff, ``{"ndcg@20": 0.04}``.
    """
    installed = registry().components["metric"]
    for key, value in metrics.items():
        entry = installed.get(key.rpartition("@")[0])
        if entry is not None and entry.built_in:
            low, high = cast(type[Metric], entry.component).bounds
            if outside(value, (low, high)):
                return f"{key} is {value:g}, and cannot be below {low:g} or above {high:g}"
    return ""
