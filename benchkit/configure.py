"""From names, a preset and a user's values to configured components."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from benchkit.contracts.component import Component
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


def foundations(
    component: Component,
    values: Mapping[str, Mapping[str, object]],
    *,
    family: str,
    preset: str = "paper",
    exclude_prompt: bool = False,
) -> Iterator[Component]:
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
    while waiting:
        kind, name = waiting.pop(0)
        if (kind, name) in seen:
            continue
        seen.add((kind, name))
        given = values.get(name, {})
        if kind == "recommender":
            found: Component = configure(
                name, given, family=family, preset=preset, exclude_prompt=exclude_prompt
            )
        else:
            plugin = registry().get(kind, name).component
            found = plugin(plugin.Config.create(given, name))
        yield found
        waiting += found.asks_for()
