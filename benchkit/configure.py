"""From names, a preset and a user's values to configured components."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from benchkit.contracts.component import Component
from benchkit.contracts.config import Value
from benchkit.contracts.recommender import Recommender
from benchkit.registry import registry


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
        values: the user's values; they win over the preset.
        family: dataset family, whose preset applies.
        preset: where values come from that nobody set, see `best_values`.
        exclude_prompt: set ``exclude_seen`` to the whole prompt, as the strict protocol demands.

    Raises:
        PluginError: nothing of that name is installed.
        ConfigError: a value does not fit.
    """
    plugin = registry().recommender(name)
    merged: dict[str, object] = {**best_values(plugin, family, preset), **values}
    if exclude_prompt and any(field.name == "exclude_seen" for field in plugin.Config.fields()):
        merged["exclude_seen"] = "prompt"
    return plugin(plugin.Config.create(merged, name))


def best_values(plugin: type[Component], family: str, preset: str) -> Mapping[str, object]:
    """Return the values that a preset gives a component, in place of its defaults.

    ``paper``: the best ones published for the dataset, where there are any. ``sample``: what the
    component brings for a quick look at little data, or else the same. ``default``: none.
    """
    published = plugin.presets.get(family, {})
    given = {"paper": published, "sample": plugin.presets.get("sample", published), "default": {}}
    return given[preset]


@dataclass(frozen=True)
class Foundation:
    """A component that another stands on.

    Attributes:
        component: it, configured.
        set_above: its parameters that those set that ask for it.
    """

    component: Component
    set_above: Collection[str]

    def identity(self) -> dict[str, Value]:
        """Return what of its own configuration shapes results, by parameter."""
        values = self.component.identity()
        return {name: value for name, value in values.items() if name not in self.set_above}

    def asks_for(self) -> list[tuple[str, str]]:
        """Return the components that its own configuration asks for, as (kind, name)."""
        config = self.component.config
        named = [
            (field.param.names, str(getattr(config, field.name)))
            for field in config.fields()
            if field.name in self.set_above
        ]
        return [asked for asked in self.component.asks_for() if asked not in named]


def foundations(
    component: Component,
    values: Mapping[str, Mapping[str, object]],
    *,
    family: str,
    preset: str = "paper",
    exclude_prompt: bool = False,
) -> Iterator[Foundation]:
    """Yield everything that a component stands on, configured, the nearest first, each once.

    Args:
        component: a configured component.
        values: the user's values, by component.
        family: dataset family, whose presets apply.
        preset: as in `configure`.
        exclude_prompt: as in `configure`.

    Raises:
        PluginError: something of it is not installed.
        ConfigError: a value does not fit.
    """
    waiting, seen = component.asks_for(), set()
    sets = dict(component.sets())
    while waiting:
        kind, name = waiting.pop(0)
        if (kind, name) in seen:
            continue
        seen.add((kind, name))
        given = values.get(name, {})
        if kind == "recommender":
            made: Component = configure(
                name, given, family=family, preset=preset, exclude_prompt=exclude_prompt
            )
        else:
            plugin = registry().get(kind, name).component
            made = plugin(plugin.Config.create(given, name))
        found = Foundation(made, sets.get(name, ()))
        yield found
        waiting += found.asks_for()
        sets = {**made.sets(), **sets}
