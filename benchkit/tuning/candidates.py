"""Components that a search may draw, as far as they work here, and their own parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from benchkit.components.registry import registry
from benchkit.contracts.config import Choice, Condition, Field, Value
from benchkit.contracts.dataset import PreparedDataset
from benchkit.contracts.prompted import PromptedRecommender
from benchkit.evaluation.availability import why_left_out, why_not
from benchkit.evaluation.settings import Settings
from benchkit.evaluation.tasks import Task
from benchkit.tuning.space import Space

# Kinds whose parameters belong to the search that draws the component; a recommender has its own.
_DRAWN = ("reducer", "embedder")
Candidates = Mapping[str, Sequence[Value]]


def candidates(name: str, prepared: PreparedDataset, settings: Settings) -> Candidates:
    """Return the values that a search may draw of each parameter that names a component.

    What cannot run here, or cannot work on the data (LDA without classes), is not among them.
    """
    permitted = {}
    for field in registry().recommender(name).Config.fields():
        if (choice := _choice(name, field, settings)) is not None:
            kind = str(field.param.names)
            permitted[field.name] = [
                value
                for value in choice.values
                if value is None or _works(kind, str(value), prepared, settings)
            ]
    return permitted


def _choice(name: str, field: Field, settings: Settings) -> Choice | None:
    """Return the range of a parameter that names a component, None where it is not searched.

    The embedder of a prompted model is not: another one means another fine-tuning.
    """
    if field.param.names is None:
        return None
    if field.param.names == "embedder" and settings.embedders:
        prompted = issubclass(registry().recommender(name), PromptedRecommender)
        return None if prompted else Choice(*settings.embedders)
    return field.param.search if isinstance(field.param.search, Choice) else None


def _works(kind: str, name: str, prepared: PreparedDataset, settings: Settings) -> bool:
    if name not in registry().components[kind]:
        return False
    if kind == "recommender":
        return why_left_out(name, prepared, settings, named=False) is None
    return why_not(kind, name, prepared, settings) is None


def space_of(task: Task, permitted: Candidates) -> Space:
    """Return what the search for a recommender's configuration varies.

    Args:
        task: the evaluation that it starts from.
        permitted: as `candidates` gives it.
    """
    kind = registry().recommender(task.recommender)
    fields = [_restricted(field, permitted) for field in kind.Config.fields()]
    fixed, base = set(task.overrides), dict(task.config)
    belongs: dict[str, list[Condition]] = {}
    drawn = {} if issubclass(kind, PromptedRecommender) else _drawn(fields, fixed, base)
    for (what, name), parameters in drawn.items():
        config = registry().get(what, name).component.Config
        if not any(field.param.search for field in config.fields()):
            continue
        values = config.create(task.settings.values(task.recommender).get(name, {}), name)
        base |= {f"{name}.{field}": value for field, value in values}
        fixed |= {f"{name}.{field}" for field in task.settings.overrides.get(name, {})}
        for field in config.fields():
            own = {f"{name}.{other}": value for other, value in field.param.when.items()}
            belongs[f"{name}.{field.name}"] = [{one: name, **own} for one in parameters]
            fields.append(replace(field, name=f"{name}.{field.name}"))
    return Space.of(fields, base, fixed, belongs)


def _restricted(field: Field, permitted: Candidates) -> Field:
    """Return a field with the permitted values as its range; none where they leave no choice."""
    if field.name not in permitted:
        return field
    values = permitted[field.name]
    search = Choice(*values) if len(values) > 1 else None
    return replace(field, param=replace(field.param, search=search))


def _drawn(
    fields: Sequence[Field], fixed: set[str], base: Mapping[str, Value]
) -> dict[tuple[str, str], list[str]]:
    """Return the parameters that may name a component, by its kind and name."""
    parameters: dict[tuple[str, str], list[str]] = {}
    for field in fields:
        if field.param.names in _DRAWN:
            for name in _options(field, fixed, base):
                parameters.setdefault((field.param.names, name), []).append(field.name)
    return parameters


def _options(field: Field, fixed: set[str], base: Mapping[str, Value]) -> Iterator[str]:
    search = field.param.search
    drawn = search.values if isinstance(search, Choice) and field.name not in fixed else ()
    values = dict.fromkeys((*drawn, base[field.name]))
    yield from (str(value) for value in values if value is not None)
