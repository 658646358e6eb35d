"""From names, a preset and a user's values to configured components."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from benchkit.components.registry import registry
from benchkit.contracts.component import Component
from benchkit.contracts.config import Value
from benchkit.contracts.recommender import Recommender


@dataclass(frozen=True)
class Presets:
    """Where recommenders take the values from that the user has not set.

    Attributes:
        family: dataset family, whose published values apply.
        preset: ``paper``: the best values published for the dataset, where there are any;
            ``sample``: what the component brings for a quick look at little data, or else the
            same; ``default``: none.
        exclude_prompt: whether ``exclude_seen`` is the whole prompt, as under the strict protocol.
    """

    family: str = ""
    preset: str = "paper"
    exclude_prompt: bool = False

    def configure(self, name: str, values: Mapping[str, object]) -> Recommender:
        """Return a recommender that is ready to fit.

        Args:
            name: registered name.
            values: what a search has found or the user has set; it wins over the preset. Values of
                other components, as ``autoencoder.l2``, are left aside.

        Raises:
            PluginError: nothing of that name is installed.
            ConfigError: a value does not fit.
        """
        plugin = registry().recommender(name)
        together: dict[str, object] = {**self._best_values(plugin), **own(values)}
        fields = plugin.Config.fields()
        if self.exclude_prompt and any(field.name == "exclude_seen" for field in fields):
            together["exclude_seen"] = "prompt"
        return plugin(plugin.Config.create(together, name))

    def _best_values(self, plugin: type[Component]) -> Mapping[str, object]:
        published = plugin.presets.get(self.family, {})
        sample = plugin.presets.get("sample", published)
        return {"paper": published, "sample": sample, "default": {}}[self.preset]

    def dependencies(
        self, component: Component, values: Mapping[str, Mapping[str, object]]
    ) -> Iterator[Dependency]:
        """Yield everything that a component stands on, configured, the nearest first, each once.

        Args:
            component: a configured component.
            values: values that win over presets, by component; a recommender's may hold those of
                other components, as in `configure`.

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
                required: Component = self.configure(name, own_values)
            else:
                plugin = registry().get(kind, name).component
                required = plugin(plugin.Config.create(own_values, name))
            dependency = Dependency(required, sets.get(name, ()))
            yield dependency
            waiting += dependency.requires()
            sets = {**required.sets(), **sets}


def own(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of a recommender's values that are its own."""
    return {name: value for name, value in values.items() if "." not in name}


def of_others(values: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return those of a recommender's values that are other components', by component.

    A search that draws a reducer draws the reducer's parameters, too: ``autoencoder.l2``.
    """
    by_component: dict[str, dict[str, Any]] = {}
    for name, value in values.items():
        component, dot, parameter = name.partition(".")
        if dot:
            by_component.setdefault(component, {})[parameter] = value
    return by_component


def merged(*layers: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return values by component; later layers win."""
    together: dict[str, dict[str, Any]] = {}
    for layer in layers:
        for component, values in layer.items():
            together.setdefault(component, {}).update(values)
    return together


def with_embedder(
    values: Mapping[str, Mapping[str, Any]],
    embedder: str,
    base: type[Component] = Recommender,
) -> dict[str, dict[str, Any]]:
    """Return values by component, with `embedder` wherever a recommender's parameter names one.

    What `values` set for a single recommender stays.

    Args:
        values: by component.
        embedder: its name.
        base: which recommenders.

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
        named = [
            (field.param.names, str(getattr(config, field.name)))
            for field in config.fields()
            if field.name in self.overridden
        ]
        return [asked for asked in self.component.requires() if asked not in named]
