"""The parameters that a search varies: the ranges beside the fields of a configuration."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from benchkit.contracts.config import Choice, Condition, Field, Float, Int, Range, Value

if TYPE_CHECKING:
    from optuna import Trial
    from optuna.trial import FrozenTrial

# Attribute of a trial: values that its ranges do not hold, tried all the same.
EXACT = "exact"
# What the study calls the choice between None and a number of an optional range.
_NONE = " is none"


@dataclass(frozen=True)
class Space:
    """The searched parameters of one recommender, and of the components that it may draw.

    The latter are named by component, as ``autoencoder.l2``.

    Attributes:
        base: the whole configuration that the search starts from; what is not searched stays.
        ranges: searched parameters; one whose condition names another comes after it.
        conditions: values of others; a parameter matters where any of its conditions holds.
    """

    base: Mapping[str, Value]
    ranges: Mapping[str, Range]
    conditions: Mapping[str, Sequence[Condition]]

    @classmethod
    def of(
        cls,
        fields: Iterable[Field],
        base: Mapping[str, Value],
        fixed: Container[str] = (),
        belongs: Mapping[str, Sequence[Condition]] = MappingProxyType({}),
    ) -> Space:
        """Return the space of a configuration's fields.

        Args:
            fields: the parameters.
            base: the configuration to start from.
            fixed: parameters that the user has set: they are not searched.
            belongs: conditions in place of a field's own, by parameter.
        """
        free = [field for field in fields if field.name not in fixed]
        ranges = {f.name: f.param.search for f in free if f.param.search is not None}
        conditions = {
            f.name: belongs.get(f.name, (f.param.when,)) for f in free if f.name in ranges
        }
        names = _parents_first(conditions)
        return cls(
            base=base,
            ranges={name: ranges[name] for name in names},
            conditions={name: conditions[name] for name in names},
        )

    def suggest(self, trial: Trial) -> dict[str, Value]:
        """Return the configuration for a trial to evaluate: the sampler's, or an enqueued one."""
        exact = trial.user_attrs.get(EXACT, {})
        values = dict(self.base)
        for name, range_ in self.ranges.items():
            if not self._active(name, values):
                continue
            if name in exact:
                values[name] = _value(exact[name])
            else:
                values[name] = _tidy(range_, _suggest(trial, name, range_))
        return values

    def values(self, trial: FrozenTrial) -> dict[str, Value]:
        """Return the configuration that an earlier trial evaluated."""
        tried = {
            name: _tidy(self.ranges[name], value)
            for name, value in drawn(trial).items()
            if name in self.ranges
        }
        return {**self.base, **tried}

    def start(self) -> tuple[dict[str, Value], dict[str, Value]]:
        """Return the base as (values for the study, values that its ranges do not hold).

        Optuna would clamp, warn about or refuse the second kind.
        """
        active = [name for name in self.ranges if self._active(name, self.base)]
        within: dict[str, Value] = {}
        exact: dict[str, Value] = {}
        for name in active:
            range_, value = self.ranges[name], self.base[name]
            if contains(range_, value):
                within.update(_study_values(name, range_, value))
            else:
                exact[name] = value
        return within, exact

    def describe(self) -> dict[str, str]:
        """Return each range in words."""
        return {name: str(range_) for name, range_ in self.ranges.items()}

    def size(self, most: int) -> int | None:
        """Return how many different configurations there are; None for more than `most`."""
        options: dict[str, Sequence[Value]] = {}
        for name, range_ in self.ranges.items():
            if (values := _values_of(range_, most)) is None:
                return None
            options[name] = values
        count = len(list(islice(self._configurations(dict(self.base), options), most + 1)))
        return count if count <= most else None

    def _configurations(
        self, values: dict[str, Value], options: Mapping[str, Sequence[Value]]
    ) -> Iterator[dict[str, Value]]:
        """Yield all configurations that differ from `values` in the parameters of `options`."""
        if not options:
            yield values
            return
        (name, first), *rest = options.items()
        for option in first if self._active(name, values) else [values[name]]:
            yield from self._configurations({**values, name: option}, dict(rest))

    def _active(self, name: str, values: Mapping[str, Value]) -> bool:
        """Tell whether a parameter matters, as do those that its condition names."""
        return any(
            all(
                values[parent] in (wanted if isinstance(wanted, tuple) else (wanted,))
                and (parent not in self.ranges or self._active(parent, values))
                for parent, wanted in condition.items()
            )
            for condition in self.conditions[name]
        )


def drawn(trial: FrozenTrial) -> dict[str, Value]:
    """Return the searched parameters of a trial, by name."""
    values: dict[str, Value] = {}
    for name, value in trial.params.items():
        if not name.endswith(_NONE):
            values[name] = value
        elif value:
            values[name.removesuffix(_NONE)] = None
    return {**values, **trial.user_attrs.get(EXACT, {})}


def contains(range_: Range, value: Value) -> bool:
    """Tell whether a range holds a value, on its steps and of its type."""
    if isinstance(range_, Choice):
        return any(type(value) is type(option) and value == option for option in range_.values)
    if value is None:
        return range_.optional
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    if not range_.low <= value <= range_.high:
        return False
    # As decimals: 0.15 is on the steps of 0.05, whatever their binary forms say.
    return range_.step is None or _decimal(value - range_.low) % _decimal(range_.step) == 0


def _decimal(value: float) -> Decimal:
    return Decimal(f"{value:.12g}")


def _values_of(range_: Range, most: int) -> list[Value] | None:
    """Return all values of a range; None where they are more than `most`, or have no steps."""
    if isinstance(range_, Choice):
        return list(range_.values)
    if range_.step is None or (range_.high - range_.low) / range_.step > most:
        return None
    count = int(_decimal(range_.high - range_.low) // _decimal(range_.step)) + 1
    absent: list[Value] = [None] * range_.optional
    return [*absent, *(range_.low + step * range_.step for step in range(count))]


def _suggest(trial: Trial, name: str, range_: Range) -> Value:
    if isinstance(range_, Choice):
        return _value(trial.suggest_categorical(name, range_.values))
    if range_.optional and trial.suggest_categorical(f"{name}{_NONE}", (False, True)):
        return None
    if isinstance(range_, Int):
        return trial.suggest_int(name, range_.low, range_.high, step=range_.step, log=range_.log)
    return trial.suggest_float(name, range_.low, range_.high, step=range_.step, log=range_.log)


def _study_values(name: str, range_: Range, value: Value) -> dict[str, Value]:
    """Return the parameters of a study that make it suggest a value."""
    if isinstance(range_, Choice) or not range_.optional:
        return {name: value}
    return {f"{name}{_NONE}": value is None} | ({} if value is None else {name: value})


def _tidy(range_: Range, value: Value) -> Value:
    """Return a stepped number without the dust of binary sums: 0.15, not 0.15000000000000002."""
    stepped = isinstance(range_, Float) and range_.step is not None
    return float(f"{value:.12g}") if stepped and isinstance(value, float) else value


def _value(value: Any) -> Value:
    assert value is None or isinstance(value, (bool, int, float, str))
    return value


def _parents_first(conditions: Mapping[str, Sequence[Condition]]) -> list[str]:
    """Return names so that each comes after those that its conditions name."""
    ordered: list[str] = []
    waiting = {
        name: set().union(*alternatives) & set(conditions)
        for name, alternatives in conditions.items()
    }
    while waiting:
        free = [name for name, parents in waiting.items() if not parents & set(waiting) - {name}]
        assert free, f"conditions of {', '.join(waiting)} form a cycle"
        ordered += free
        waiting = {name: parents for name, parents in waiting.items() if name not in free}
    return ordered
