"""What a search may vary: the ranges beside the fields of a configuration."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from benchkit.contracts.config import Choice, Condition, Field, Float, Int, Range, Value

if TYPE_CHECKING:
    from optuna import Trial
    from optuna.trial import FrozenTrial

# Attribute of a trial: values that its ranges do not hold, tried all the same.
EXACT = "exact"


@dataclass(frozen=True)
class Space:
    """The searched parameters of one recommender.

    Attributes:
        base: the whole configuration that the search starts from; what is not searched stays.
        ranges: searched parameters; one whose condition names another comes behind it.
        conditions: the values of others under which each of them matters.
    """

    base: Mapping[str, Value]
    ranges: Mapping[str, Range]
    conditions: Mapping[str, Condition]

    @classmethod
    def of(
        cls, fields: Iterable[Field], base: Mapping[str, Value], fixed: Container[str] = ()
    ) -> Space:
        """Return the space of a configuration's fields.

        Args:
            fields: the parameters.
            base: the configuration to start from.
            fixed: parameters that the user has set: they are not searched.
        """
        found = {f.name: f for f in fields if f.param.search is not None and f.name not in fixed}
        names = _parents_first({name: field.param.when for name, field in found.items()})
        return cls(
            base=base,
            ranges={name: r for name in names if (r := found[name].param.search) is not None},
            conditions={name: found[name].param.when for name in names},
        )

    def suggest(self, trial: Trial) -> dict[str, Value]:
        """Return the configuration for a trial to evaluate: the sampler's, or an enqueued one."""
        exact = trial.user_attrs.get(EXACT, {})

        def value(name: str) -> Value:
            if name in exact:
                return _value(exact[name])
            return _tidy(self.ranges[name], _suggest(trial, name, self.ranges[name]))

        values = dict(self.base)
        for name in self.ranges:
            if self._active(name, values):
                values[name] = value(name)
        return values

    def values(self, trial: FrozenTrial) -> dict[str, Value]:
        """Return the configuration that an earlier trial evaluated."""
        tried = {
            name: _tidy(self.ranges[name], value)
            for name, value in trial.params.items()
            if name in self.ranges
        }
        return {**self.base, **tried, **trial.user_attrs.get(EXACT, {})}

    def start(self) -> tuple[dict[str, Value], dict[str, Value]]:
        """Return the base as (parameters within their ranges, parameters that are not).

        Optuna would clamp, warn about or refuse the second kind.
        """
        active = [name for name in self.ranges if self._active(name, self.base)]
        within = {n: self.base[n] for n in active if contains(self.ranges[n], self.base[n])}
        return within, {n: self.base[n] for n in active if n not in within}

    def describe(self) -> dict[str, str]:
        """Return each range in words."""
        return {name: str(range_) for name, range_ in self.ranges.items()}

    def _active(self, name: str, values: Mapping[str, Value]) -> bool:
        """Tell whether a parameter matters, as do those that its condition names."""
        return all(
            values[parent] in (wanted if isinstance(wanted, tuple) else (wanted,))
            and (parent not in self.ranges or self._active(parent, values))
            for parent, wanted in self.conditions[name].items()
        )


def contains(range_: Range, value: Value) -> bool:
    """Tell whether a range holds a value, on its steps and of its type."""
    if isinstance(range_, Choice):
        return any(type(value) is type(known) and value == known for known in range_.values)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    if not range_.low <= value <= range_.high:
        return False
    # As decimals: 0.15 is on the steps of 0.05, whatever their binary forms say.
    return range_.step is None or _decimal(value - range_.low) % _decimal(range_.step) == 0


def _decimal(value: float) -> Decimal:
    return Decimal(f"{value:.12g}")


def _suggest(trial: Trial, name: str, range_: Range) -> Value:
    if isinstance(range_, Choice):
        return _value(trial.suggest_categorical(name, range_.values))
    if isinstance(range_, Int):
        return trial.suggest_int(name, range_.low, range_.high, step=range_.step, log=range_.log)
    return trial.suggest_float(name, range_.low, range_.high, step=range_.step, log=range_.log)


def _tidy(range_: Range, value: Value) -> Value:
    """Return a stepped number without the dust of binary sums: 0.15, not 0.15000000000000002."""
    stepped = isinstance(range_, Float) and range_.step is not None
    return float(f"{value:.12g}") if stepped and isinstance(value, float) else value


def _value(value: Any) -> Value:
    assert value is None or isinstance(value, (bool, int, float, str))
    return value


def _parents_first(conditions: Mapping[str, Condition]) -> list[str]:
    """Return names so that each comes behind those that its condition names."""
    ordered: list[str] = []
    waiting = list(conditions)
    while waiting:
        free = [n for n in waiting if not set(conditions[n]) & (set(waiting) - {n})]
        assert free, f"conditions of {', '.join(waiting)} go round in a circle"
        ordered += free
        waiting = [name for name in waiting if name not in free]
    return ordered
