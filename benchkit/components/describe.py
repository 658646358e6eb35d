"""What `benchkit list` and `benchkit show` say about components, as plain data."""

from __future__ import annotations

from dataclasses import asdict
from math import isfinite
from typing import Any

from benchkit.components.registry import Registered, Registry
from benchkit.contracts.component import KINDS, Component
from benchkit.contracts.config import Choice, Field, Range, show_type
from benchkit.contracts.dataset import Dataset
from benchkit.contracts.errors import PluginError
from benchkit.contracts.metric import Metric
from benchkit.toolkit.isolation import stdout_on_stderr
from benchkit.toolkit.texts import visible

Facts = dict[str, Any]


def overview(registry: Registry, kind: str | None = None) -> list[Facts]:
    """Return one line of facts a component, by kind and name."""
    kinds = KINDS if kind is None else (kind,)
    return [facts(entry) for k in kinds for _, entry in sorted(registry.components[k].items())]


def facts(entry: Registered) -> Facts:
    """Return what a component is and where it comes from."""
    component = entry.component
    return {
        "name": component.name,
        "kind": component.kind,
        "headline": printable(component.headline()),
        "source": printable(component.source),
        "distribution": printable(entry.distribution),
        "version": printable(entry.version),
        "unavailable": _unavailable(component),
    }


def details(entry: Registered) -> Facts:
    """Return everything about a component: also its parameters, presets and what its kind adds.

    Raises:
        PluginError: its declarations cannot be read.
    """
    component = entry.component
    try:
        return {
            **facts(entry),
            **_of_kind(component),
            "parameters": [_parameter(field) for field in component.Config.fields()],
            "presets": {name: dict(values) for name, values in component.presets.items()},
        }
    except Exception as error:
        raise PluginError(
            f"{component.kind} {component.name!r} of {entry.distribution} {entry.version} "
            f"declares what cannot be read: {type(error).__name__}: {error}"
        ) from error


def printable(text: object) -> str:
    """Return text in one line without control characters, which could rule a terminal."""
    return visible(" ".join(str(text).split()))


def _unavailable(component: type[Component]) -> str | None:
    try:
        with stdout_on_stderr():
            reason = component.unavailable()
    except Exception as error:  # a stranger's code may raise anything
        reason = f"cannot say whether it can run: {type(error).__name__}: {error}"
    return None if reason is None else printable(reason)


def _parameter(field: Field) -> Facts:
    return {
        "name": field.name,
        "type": show_type(field.type),
        "default": field.default,
        "meaning": printable(field.param.help),
        "unit": field.param.unit,
        "search": _range(field.param.search),
        "at_least": field.param.at_least,
        "at_most": field.param.at_most,
        "when": {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in field.param.when.items()
        },
    }


def _range(search: Range | None) -> Facts | None:
    if search is None:
        return None
    if isinstance(search, Choice):
        return {"text": str(search), "values": list(search.values)}
    return {"text": str(search), **asdict(search)}


def _of_kind(component: type[Component]) -> Facts:
    if issubclass(component, Metric):
        return {
            "formula": printable(component.formula),
            "higher_is_better": component.higher_is_better,
            # JSON knows no infinity
            "bounds": [bound if isfinite(bound) else None for bound in component.bounds],
            "ours": component.ours,
        }
    if issubclass(component, Dataset):
        return {
            "files": [file.name for file in component.files],
            "advice": printable(component.advice),
            "published": asdict(component.published),
        }
    return {}
