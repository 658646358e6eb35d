"""Names of providers: entry points in group ``benchkit_providers``, ours and strangers' alike."""

from __future__ import annotations

from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points

from benchkit.contracts.errors import ConfigError, PluginError, unknown_name

GROUP = "benchkit_providers"


@lru_cache(maxsize=1)
def _points() -> tuple[EntryPoint, ...]:
    return tuple(entry_points(group=GROUP))


def provider_names() -> list[str]:
    """Return the names of all providers that are installed; nothing is imported."""
    return sorted({point.name for point in _points()})


def entry_point(name: str) -> EntryPoint:
    """Return where a provider is; nothing is imported.

    Raises:
        ConfigError: no distribution has one of that name (with the nearest names).
        PluginError: several have; none of them is used.
    """
    points = [point for point in _points() if point.name == name]
    if not points:
        raise ConfigError(unknown_name("provider", name, provider_names()))
    if len(points) > 1:
        owners = " and ".join(sorted(map(origin, points)))
        raise PluginError(
            f"provider {name!r} is provided by both {owners}: neither is used; uninstall one of "
            "them"
        )
    return points[0]


def origin(point: EntryPoint) -> str:
    """Return the distribution that brings a provider, with its version."""
    return f"{point.dist.name} {point.dist.version}" if point.dist else "an unknown distribution"
