"""Discovery of plugins: entry points in group ``benchkit``, ours and strangers' alike.

A broken third-party plugin is reported and left out; it never stops the host. A name that two
distributions claim is refused to whoever is not benchkit itself, and the report names both:
pluggy's own loader would let one replace the other unnoticed.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib.metadata import Distribution, EntryPoint, entry_points
from typing import Any, cast

import pluggy

from benchkit import DISTRIBUTION, hookspecs
from benchkit.contracts.component import KINDS, Component
from benchkit.contracts.config import Config, Float
from benchkit.contracts.dataset import Dataset
from benchkit.contracts.embedder import Embedder
from benchkit.contracts.errors import PluginError, one_line, unknown_name
from benchkit.contracts.metric import Metric
from benchkit.contracts.recommender import Recommender
from benchkit.contracts.reducer import Reducer
from benchkit.toolkit.fingerprint import code_digest
from benchkit.toolkit.isolation import interruptible, stdout_on_stderr

GROUP = "benchkit"
# Names stand on command lines, in tables and in file names.
NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_BASES: dict[str, type[Component]] = {
    "dataset": Dataset,
    "embedder": Embedder,
    "reducer": Reducer,
    "recommender": Recommender,
    "metric": Metric,
}


@dataclass(frozen=True)
class Registered:
    """A component's class, and name and version of the distribution that brings it."""

    component: type[Component]
    distribution: str
    version: str

    @property
    def built_in(self) -> bool:
        """Whether benchkit itself brings it."""
        return self.distribution == DISTRIBUTION

    def origin(self) -> dict[str, str]:
        """Return what a record says about where the component comes from."""
        return {
            "distribution": self.distribution,
            "version": self.version,
            "source": self.source_digest(),
        }

    def source_digest(self) -> str:
        """Return a digest of the component's source: an edited plugin is another plugin.

        Of benchkit's own it is what the class's file imports of the plugins; its version tells of
        the core. Of a stranger's, it is the whole package, or what a lone module imports from its
        folder.
        """
        return code_digest(self.component, whole=not self.built_in)


@dataclass
class Registry:
    """All components by kind and name, and the problems met while finding them."""

    components: dict[str, dict[str, Registered]] = field(
        default_factory=lambda: {kind: {} for kind in KINDS}
    )
    problems: list[str] = field(default_factory=list)
    _contested: dict[tuple[str, str], str] = field(default_factory=dict)

    def get(self, kind: str, name: str) -> Registered:
        """Return the component of that kind and name.

        Raises:
            PluginError: there is none (with the nearest names), or several claim the name.
        """
        if name in self.components[kind]:
            return self.components[kind][name]
        if (kind, name) in self._contested:
            raise PluginError(self._contested[kind, name])
        raise PluginError(unknown_name(kind, name, self.components[kind]))

    def find(self, name: str, kind: str | None = None) -> list[Registered]:
        """Return what is called `name`, of one kind or of all kinds.

        Raises:
            PluginError: nothing is (with the nearest names), or several claim the name.
        """
        kinds = KINDS if kind is None else (kind,)
        claimed = [k for k in kinds if name in self.components[k] or (k, name) in self._contested]
        if claimed:
            return [self.get(k, name) for k in claimed]
        names = [other for k in kinds for other in self.components[k]]
        raise PluginError(unknown_name(kind or "component", name, names))

    def recommender(self, name: str) -> type[Recommender]:
        """Return a recommender's class."""
        return cast(type[Recommender], self.get("recommender", name).component)

    def dataset(self, name: str) -> type[Dataset]:
        """Return a dataset's class."""
        return cast(type[Dataset], self.get("dataset", name).component)

    def metrics(self) -> dict[str, type[Metric]]:
        """Return all metrics by name."""
        metrics = self.components["metric"]
        return {name: cast(type[Metric], entry.component) for name, entry in metrics.items()}

    def add(self, entry: Registered) -> None:
        """Add a component, or report a clash."""
        kind, name = entry.component.kind, entry.component.name
        if (kind, name) in self._contested:
            self.problems.append(f"{self._contested[kind, name]} (and {entry.distribution})")
            return
        first = self.components[kind].setdefault(name, entry)
        if first.component is entry.component:  # offered by several plugins
            return
        clash = (
            f"{kind} {name!r} is provided by both {first.distribution} {first.version} "
            f"and {entry.distribution} {entry.version}"
        )
        if first.built_in:
            clash += f": that of {entry.distribution} is left out"
        else:
            del self.components[kind][name]
            clash += ": neither is used; uninstall one of them"
            self._contested[kind, name] = clash
        self.problems.append(clash)


@lru_cache(maxsize=1)
def registry() -> Registry:
    """Return everything that is installed; looked for once a process."""
    return load(entry_points(group=GROUP))


def load(points: Iterable[EntryPoint]) -> Registry:
    """Load entry points into a new registry: benchkit's own first, then by distribution and name.

    A module that several of them name is used once, for the first of them.

    Raises:
        PluginError: a plugin of benchkit's own is broken.
    """
    loaded = Registry()
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(hookspecs)
    owners: dict[str, str] = {}
    repeated: dict[tuple[str, str], list[str]] = {}
    for point in sorted(points, key=_order):
        distribution, version = _distribution(point)
        origin = f"plugin {point.name!r} of {distribution} {version}"
        if point.value in owners:
            repeated.setdefault((distribution, owners[point.value]), []).append(point.value)
            continue
        owners[point.value] = distribution
        try:
            with interruptible() as pressed, stdout_on_stderr():
                components = _components(manager, point)
        except BaseException as error:  # a stranger's code may raise anything
            if pressed:
                raise
            problem = f"{origin} is left out: {one_line(error)}"
            if distribution == DISTRIBUTION:
                raise PluginError(problem) from error
            loaded.problems.append(problem)
            continue
        for component in components:
            loaded.add(Registered(component, distribution, version))
    for (distribution, owner), modules in repeated.items():
        more = f" and {len(modules) - 1} more" if len(modules) > 1 else ""
        loaded.problems.append(
            f"{distribution} names plugins that {owner} has named ({modules[0]}{more}): they count "
            f"once, as those of {owner}"
        )
    return loaded


def _order(point: EntryPoint) -> tuple[bool, str, str]:
    distribution, _ = _distribution(point)
    return distribution != DISTRIBUTION, distribution, point.name


def _distribution(point: EntryPoint) -> tuple[str, str]:
    return _name_and_version(point.dist) if point.dist else ("unknown", "?")


@cache  # each of them parses the metadata
def _name_and_version(distribution: Distribution) -> tuple[str, str]:
    return distribution.name, distribution.version


def _components(manager: pluggy.PluginManager, point: EntryPoint) -> list[type[Component]]:
    """Import one plugin and call its hooks; whatever is wrong with it is raised."""
    plugin = point.load()
    manager.register(plugin, f"{_distribution(point)[0]}:{point.name}")
    try:
        manager.check_pending()
        callers = manager.get_hookcallers(plugin) or []
        if not callers:
            hooks = [f"{GROUP}_{kind}s" for kind in KINDS]
            if bare := [name for name in hooks if hasattr(plugin, name)]:
                raise PluginError(f"{point.value}: {bare[0]} lacks @hookimpl")
            raise PluginError(f"{point.value} implements no hook; there are: {', '.join(hooks)}")
        return [
            component
            for caller in callers
            for impl in caller.get_hookimpls()
            if impl.plugin is plugin
            for component in _checked(caller.name, impl.function())
        ]
    except BaseException:
        manager.unregister(plugin)
        raise


def _checked(hook: str, result: Any) -> Sequence[type[Component]]:
    kind = hook.removeprefix(f"{GROUP}_").removesuffix("s")
    base = _BASES[kind]
    if not isinstance(result, (list, tuple)):
        raise PluginError(f"{hook} must return a list of classes, not {type(result).__name__}")
    for component in result:
        if not (isinstance(component, type) and issubclass(component, base)):
            raise PluginError(f"{hook} must return classes derived from {base.__name__}")
        name = getattr(component, "name", None)
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise PluginError(f"{component.__name__} needs a name in kebab-case, not {name!r}")
        if not (isinstance(component.Config, type) and issubclass(component.Config, Config)):
            raise PluginError(f"{component.__name__}.Config must derive from benchkit.Config")
        _check_parameters(component)
        if issubclass(component, Metric):
            _check_metric(component)
        missing = sorted(getattr(component, "__abstractmethods__", ()))
        if missing:
            raise PluginError(f"{component.__name__} lacks {', '.join(missing)}")
    return result


def _check_metric(metric: type[Metric]) -> None:
    """Refuse facts that no table could be laid out by; what is missing is none of them."""
    bounds = getattr(metric, "bounds", (0.0, 1.0))
    pair = isinstance(bounds, tuple) and len(bounds) == 2
    if not (pair and all(isinstance(bound, (int, float)) for bound in bounds)):
        raise PluginError(f"{metric.__name__}.bounds must be two numbers, not {bounds!r}")
    if not isinstance(metric.column, int):
        raise PluginError(f"{metric.__name__}.column must be an integer, not {metric.column!r}")


def _check_parameters(component: type[Component]) -> None:
    """Refuse parameters that would be ignored, or would fail once a run is under way."""
    config = component.Config
    names = {field.name for field in dataclasses.fields(config)}
    for kind in config.__mro__:
        own = {name for name, value in vars(kind).items() if isinstance(value, dataclasses.Field)}
        if own - names:
            raise PluginError(f"{kind.__name__} lacks @dataclass(frozen=True, kw_only=True)")
    for parameter in config.fields():
        name, param = f"{component.__name__}.{parameter.name}", parameter.param
        if param.names is not None and param.names not in KINDS:
            raise PluginError(f"{name} names {unknown_name('kind', param.names, KINDS)}")
        if unknown := sorted(set(param.when) - names):
            raise PluginError(f"{name}: {unknown_name('parameter', unknown[0], names)}")
        if parameter.type in (int, int | None) and isinstance(param.search, Float):
            raise PluginError(f"{name} takes whole numbers and is searched over others")
        if getattr(param.search, "optional", False) and not isinstance(None, parameter.type):
            raise PluginError(f"{name} is searched over none as well, which is not of its type")
