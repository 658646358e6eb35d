"""What makes a search another one here than where it was begun, in words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

# Attributes that are components, or hold some by name.
_COMPONENTS = ("recommender", "builds_on")


def differences(there: Mapping[str, Any], here: Mapping[str, Any]) -> list[str]:
    """Return in words what of a search is not the same.

    Args:
        there: what shapes it, as its study says.
        here: the same of this machine; {} where nothing can be searched.
    """
    if not here:
        return ["there is nothing to search"]
    plain = json.loads(json.dumps(here))
    other = [key for key in plain | dict(there) if plain.get(key) != there.get(key)]
    found = [text for key in _COMPONENTS if key in other for text in _components(there, here, key)]
    found += [
        f"{key} is {_show(here.get(key))}, the run has {_show(there.get(key))}"
        for key in other
        if key not in _COMPONENTS
    ]
    return found


def _components(there: Mapping[str, Any], here: Mapping[str, Any], key: str) -> list[str]:
    if key == "recommender":
        return [f"it comes from {_origin(here[key])}, in the run from {_origin(there[key])}"]
    names = sorted({*there[key], *here[key]})
    return [
        f"{name} is {_origin(here[key].get(name))}, in the run {_origin(there[key].get(name))}"
        for name in names
        if here[key].get(name) != there[key].get(name)
    ]


def _origin(component: Mapping[str, Any] | str | None) -> str:
    if component is None:
        return "not used"
    if isinstance(component, str):  # the digest of a file
        return component
    source = f"{component['distribution']} {component['version']} (source {component['source']})"
    values = component.get("config")
    return f"{source} with {_show(values)}" if values else source


def _show(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return text if len(text) < 200 else f"{text[:200]}..."
