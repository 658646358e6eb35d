"""Configuration of a component: frozen, typed, with meaning and search range beside each field.

    @dataclass(frozen=True, kw_only=True)
    class KNNConfig(Config):
        k: int = param(100, "neighbours that vote", search=Int(50, 500), at_least=1)
        last: int | None = param(None, "items read; none: all", search=Int(1, 20, optional=True))

`Config.create` turns outside values (a preset, `--set`, a record) into a checked configuration;
unknown or ill-typed values are an error that lists the fields.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, Union, cast

from benchkit.contracts.errors import ConfigError, unknown_name

Value = bool | int | float | str | None
Condition = Mapping[str, Value | tuple[Value, ...]]
ConfigT = TypeVar("ConfigT", bound="Config")
_type_hints = functools.cache(typing.get_type_hints)


@dataclass(frozen=True)
class Int:
    """A range of whole numbers to search, both ends included.

    With ``optional=True`` None is searched, too: at first it is drawn as often as any number.
    """

    low: int
    high: int
    step: int = 1
    log: bool = False
    optional: bool = False

    def __post_init__(self) -> None:
        _check_range(self)

    def __str__(self) -> str:
        step = f" step {self.step}" if self.step != 1 else ""
        return _show_range(self, f"{self.low} to {self.high}{step}")


@dataclass(frozen=True)
class Float:
    """A range of real numbers to search, both ends included; `optional` as for `Int`."""

    low: float
    high: float
    step: float | None = None
    log: bool = False
    optional: bool = False

    def __post_init__(self) -> None:
        _check_range(self)

    def __str__(self) -> str:
        step = f" step {self.step:g}" if self.step is not None else ""
        return _show_range(self, f"{self.low:g} to {self.high:g}{step}")


def _show_range(searched: Int | Float, numbers: str) -> str:
    return f"{'none, or ' * searched.optional}{numbers}{' (log)' * searched.log}"


def _check_range(searched: Int | Float) -> None:
    low, high = searched.low, searched.high
    if low > high or (searched.step is not None and searched.step <= 0):
        raise ConfigError(f"{searched} is no range to search")
    if searched.log and low <= 0:
        raise ConfigError(f"{searched}: a logarithmic range begins above 0")


class Choice:
    """A set of values to search."""

    def __init__(self, *values: Value) -> None:
        self.values = values

    def __str__(self) -> str:
        return ", ".join(show_value(value) for value in self.values)


Range = Int | Float | Choice


@dataclass(frozen=True)
class Param:
    """What stands beside a field: its meaning, search range, unit, bounds and condition."""

    help: str
    search: Range | None = None
    unit: str = ""
    at_least: float | None = None
    at_most: float | None = None
    when: Condition = dataclasses.field(default_factory=dict)
    names: str | None = None
    incidental: bool = False


def param(
    default: Value,
    help: str,
    *,
    search: Range | None = None,
    unit: str = "",
    at_least: float | None = None,
    at_most: float | None = None,
    when: Condition | None = None,
    names: str | None = None,
    incidental: bool = False,
) -> Any:
    """Declare a field of a `Config`.

    Args:
        default: value where neither user nor preset sets one.
        help: what the parameter means, in one clause.
        search: range that tuning searches; None leaves the parameter at its value. That of a
            reducer or embedder is searched where a recommender's search may draw the component.
        unit: unit of the value, when it has one.
        at_least: smallest permitted value (numbers only).
        at_most: largest permitted value (numbers only).
        when: values of other fields under which this one matters at all; a tuple lists several.
        names: kind of the component that the value names, such as ``embedder``: what it is and how
            it is set then belongs to what makes a result.
        incidental: it changes how a result is come by, never the result (patience, who pays), so
            runs that differ in it alone are one.
    """
    meta = Param(help, search, unit, at_least, at_most, when or {}, names, incidental)
    return dataclasses.field(default=default, metadata={"param": meta})


@dataclass(frozen=True)
class Field:
    """One parameter as `benchkit show` prints it and tuning reads it."""

    name: str
    type: Any
    default: Value
    param: Param


@dataclass(frozen=True, kw_only=True)
class Config:
    """Base of every component's configuration; subclasses are frozen keyword-only dataclasses."""

    @classmethod
    def fields(cls) -> list[Field]:
        """Return the parameters in the order of their declaration."""
        hints = _type_hints(cls)  # type: ignore[arg-type]  # mypy takes a class for an instance
        return [
            Field(f.name, hints[f.name], cast(Value, f.default), f.metadata.get("param", Param("")))
            for f in dataclasses.fields(cls)
        ]

    @classmethod
    def create(cls: type[ConfigT], values: Mapping[str, object], owner: str) -> ConfigT:
        """Return a checked configuration; what `values` leaves out takes its default.

        Args:
            values: parameter names to values; text is read as the field's type.
            owner: name of the component, for the error message.

        Raises:
            ConfigError: an unknown name, an ill-typed value, or one out of bounds.
        """
        fields = {field.name: field for field in cls.fields()}
        for name in values:
            if name not in fields:
                raise ConfigError(
                    f"{owner}: {unknown_name('parameter', name, fields)} "
                    f"(`benchkit show {owner}` explains each)"
                )
        return cls(**{name: _read(fields[name], value, owner) for name, value in values.items()})

    def as_dict(self) -> dict[str, Value]:
        """Return the parameters as plain values, fit for JSON."""
        return dataclasses.asdict(self)

    def __iter__(self) -> Iterator[tuple[str, Value]]:
        return iter(self.as_dict().items())


def show_value(value: object) -> str:
    """Return a parameter's value as the command line reads and prints it."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    short = f"{value:g}" if isinstance(value, float) else str(value)
    # Six digits where they suffice, else all: what is printed must read back as the same value.
    return short if not isinstance(value, float) or float(short) == value else repr(value)


def show_type(kind: Any) -> str:
    """Return a field's type in words: `int`, `cosine | dot`, `int | none`."""
    if typing.get_origin(kind) is Literal:
        return " | ".join(show_value(option) for option in typing.get_args(kind))
    if typing.get_origin(kind) in (Union, types.UnionType):
        return " | ".join(show_type(option) for option in typing.get_args(kind))
    return "none" if kind is type(None) else str(kind.__name__)


def _read(field: Field, value: object, owner: str) -> Value:
    union = typing.get_origin(field.type) in (Union, types.UnionType)
    options = typing.get_args(field.type) if union else (field.type,)
    # None first: the word "none" is also text.
    for option in sorted(options, key=lambda option: option is not type(None)):
        fits, result = _as(option, value)
        if fits:
            _check_bounds(field, result, owner)
            return result
    raise ConfigError(
        f"{owner}: {field.name} takes {show_type(field.type)}, not {show_value(value)!r}"
    )


def _as(kind: Any, value: object) -> tuple[bool, Value]:
    """Read `value` as `kind`: (whether it is one, the value)."""
    if typing.get_origin(kind) is Literal:
        for option in typing.get_args(kind):
            if (type(value) is type(option) and value == option) or value == show_value(option):
                return True, cast(Value, option)
        return False, None
    if kind is type(None):
        return value is None or value == "none", None
    if kind is bool:
        return _as_bool(value)
    if kind is str:
        return (True, value) if isinstance(value, str) else (False, None)
    return _as_number(kind, value)


def _as_bool(value: object) -> tuple[bool, Value]:
    if isinstance(value, bool):
        return True, value
    words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    text = value.lower() if isinstance(value, str) else ""
    return text in words, words.get(text)


def _as_number(kind: Any, value: object) -> tuple[bool, Value]:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return False, None
    if kind is int and isinstance(value, float):
        return value.is_integer(), int(value) if value.is_integer() else None
    try:
        number = kind(value)
        return math.isfinite(number), number
    except (ValueError, OverflowError):
        return False, None


def _check_bounds(field: Field, value: Value, owner: str) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return
    low, high = field.param.at_least, field.param.at_most
    if (low is not None and value < low) or (high is not None and value > high):
        bounds = [f"at least {low}"] * (low is not None) + [f"at most {high}"] * (high is not None)
        raise ConfigError(f"{owner}: {field.name} must be {' and '.join(bounds)}, not {value}")
