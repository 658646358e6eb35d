"""From names, a preset and a user's values to configured components."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from benchkit.components.registry import registry
from benchkit.contracts.component import Component
from benchkit.contracts.config import Value
from benchkit.contracts.recommender import Recommender


def configure(
    name: str,
    values: Mapping[str, object],
    *,
    family: str,
    preset: str = "paper",
    exclude_prompt: bool = False,
) -> Recommender:
    """Return a recommender that is ready to fit.

    Args:
        name: registered name.
        values: what a search has found or the user has set; it wins over the preset. Values of
            other components, as ``autoencoder.l2``, are left aside.
        family: dataset family, whose preset applies.
        preset: where values come from that nobody set, see `best_values`.
        exclude_prompt: set ``exclude_seen`` to the whole prompt, as the strict protocol demands.

    Raises:
        PluginError: nothing of that name is installed.
        ConfigError: a value does not fit.
    """
    plugin = registry().recommender(name)
    together: dict[str, object] = {**best_values(plugin, family, preset), **own(values)}
    if exclude_prompt and any(field.name == "exclude_seen" for field in plugin.Config.fields()):
        together["exclude_seen"] = "prompt"
    return plugin(plugin.Config.create(together, name))


def own(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of a recommender's values that are its own."""
    return {name: value for name, value in values.items() if "." not in name}


def of_others(values: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return those of a recommender's values that are other components', by component.

    A search that draws a reducer draws the reducer's parameters, too: ``autoencoder.l2``.
    """
    others: dict[str, dict[str, Any]] = {}
    for name, value in values.items():
        component, dot, parameter = name.partition(".")
        if dot:
            others.setdefault(component, {})[parameter] = value
    return others


def merged(*layers: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return values by component; later layers win."""
    together: dict[str, dict[str, Any]] = {}
    for layer in layers:
        for component, values in layer.items():
            together.setdefault(component, {}).update(values)
    return together


def best_values(plugin: type[Component], family: str, preset: str) -> Mapping[str, object]:
    """Return the values that a preset gives a component, in place of its defaults.

    ``paper``: the best ones published for the dataset, where there are any. ``sample``: what the
    component brings for a quick look at little data, or else the same. ``default``: none.
    """
    published = plugin.presets.get(family, {})
    best = {"paper": published, "sample": plugin.presets.get("sample", published), "default": {}}
    return best[preset]


def with_embedder(
    values: Mapping[str, Mapping[str, Any]],
    embedder: str,
    base: type[Component] = Recommender,
) -> dict[str, dict[str, Any]]:
    """Return values by component, with `embedder` wherever a recommender's parameter names one.

    What `values` set for a single recommender stays; `base` says which recommenders are meant.

    Raises:
        PluginError: no embedder of that name is installed.
    """
    registry().get("embedder", embedder)
    together = merged(values)
    for name, entry in registry().components["recommender"].items():
        fields = entry.component.Config.fields() if issubclass(entry.component, base) else ()
        named = {field.name: embedder for field in fields if field.param.names == "embedder"}
        if named:
            together[name] = {**named, **together.get(name, {})}
    return together


@dataclass(frozen=True)
class Dependency:
    """A component that another stands on.

    Attributes:
        component: it, configured.
        overridden: its parameters that those set that ask for it.
    """

    component: Component
    overridden: Collection[str]

    def identity(self) -> dict[str, Value]:
        """Return what of its own configuration shapes results, by parameter."""
        values = self.component.identity()
        return {name: value for name, value in values.items() if name not in self.overridden}

    def requires(self) -> list[tuple[str, str]]:
        """Return the components that its own configuration asks for, as (kind, name)."""
        config = self.component.config
        overridden = [
            (field.param.names, str(getattr(config, field.name)))
            for field in config.fields()
            if field.name in self.overridden
        ]
        return [required for required in self.component.requires() if required not in overridden]


def dependencies(
    component: Component,
    values: Mapping[str, Mapping[str, object]],
    *,
    family: str,
    preset: str = "paper",
    exclude_prompt: bool = False,
) -> Iterator[Dependency]:
    """Yield everything that a component stands on, configured, the nearest first, each once.

    Args:
        component: a configured component.
        values: values that win over presets, by component; a recommender's may hold those of
            other components, as in `configure`.
        family: dataset family, whose presets apply.
        preset: as in `configure`.
        exclude_prompt: as in `configure`.

    Raises:
        PluginError: something of it is not installed.
        ConfigError: a value does not fit.
    """
    waiting, seen = component.requires(), set()
    sets = dict(component.sets())
    while waiting:
        kind, name = waiting.pop(0)
        if (kind, name) in seen:
            continue
        seen.add((kind, name))
        own_values = values.get(name, {})
        if kind == "recommender":
            values = merged(of_others(own_values), values)
            made: Component = configure(
                name, own_values, family=family, preset=preset, exclude_prompt=exclude_prompt
            )
        else:
            plugin = registry().get(kind, name).component
            made = plugin(plugin.Config.create(own_values, name))
        dependency = Dependency(made, sets.get(name, ()))
        yield dependency
        waiting += dependency.requires()
        sets = {**made.sets(), **sets}
