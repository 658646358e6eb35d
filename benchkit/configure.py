"""From a name, a preset and a user's values to a configured recommender."""

from __future__ import annotations

from collections.abc import Mapping

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
        preset: ``paper`` for the best values published for that dataset where there are any,
            ``default`` for the component's own defaults.
        exclude_prompt: set ``exclude_seen`` to the whole prompt, as the strict protocol demands.

    Raises:
        PluginError: nothing of that name is installed.
        ConfigError: a value does not fit.
    """
    plugin = registry().recommender(name)
    best = plugin.presets.get(family, {}) if preset == "paper" else {}
    merged: dict[str, object] = {**best, **values}
    if exclude_prompt and any(field.name == "exclude_seen" for field in plugin.Config.fields()):
        merged["exclude_seen"] = "prompt"
    return plugin(plugin.Config.create(merged, name))
