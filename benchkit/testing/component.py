"""Checks for every component, whatever its kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from benchkit.components.registry import NAME
from benchkit.contracts.component import Component
from benchkit.contracts.config import Choice, Field, Value
from benchkit.contracts.errors import ConfigError
from benchkit.testing.checks import require, skip
from benchkit.testing.processes import elsewhere, loaded_modules

# Importing any of these costs from half a second to four; `benchkit list` imports every plugin.
HEAVY = ("torch", "sklearn", "openai", "optuna", "polars")


class ComponentConformance:
    """Base of the conformance classes.

    Attributes:
        component: the class to check.
        config: parameters for the checks that run it, where its defaults are too slow for tests.
    """

    component: ClassVar[type[Any]]
    config: ClassVar[Mapping[str, Value]] = {}

    def build(self) -> Any:
        """Return a fresh component with the parameters of `config`."""
        reason = self.component.unavailable()
        if reason is not None:
            skip(f"{self.component.name} cannot run here: {reason}")
        return build(self.component, self.config)

    def test_name_is_kebab_case(self) -> None:
        """The name suits a command line and a file name."""
        name = getattr(self.component, "name", None)
        require(
            isinstance(name, str) and NAME.fullmatch(name),
            f"name must be kebab-case, such as 'my-model', not {name!r}",
        )

    def test_headline_and_source_say_what_it_is(self) -> None:
        """`benchkit list` has something to show."""
        inherited = {base.__doc__ for base in self.component.__mro__[1:]}
        require(
            self.component.__doc__ and self.component.__doc__ not in inherited,
            f"{self.component.__name__} needs a docstring; its first line is the headline",
        )
        require(self.component.headline(), "the docstring must begin with the headline")
        require(
            self.component.source,
            "source must say where it is described: a paper's section, an address, or 'ours'",
        )

    def test_every_parameter_is_explained(self) -> None:
        """Each field is declared with `benchkit.param` and says what it means."""
        fields = fields_of(self.component)
        for field in fields:
            require(field.param.help, f"{field.name} needs a meaning: declare it with param(...)")
            for other in field.param.when:
                require(
                    other in {f.name for f in fields},
                    f"{field.name} depends on {other!r}, which is no parameter",
                )

    def test_default_configuration_is_valid(self) -> None:
        """The defaults are of their types and within their bounds."""
        self._constructs({f.name: f.default for f in fields_of(self.component)}, "the default")

    def test_presets_are_valid(self) -> None:
        """Every preset makes a component."""
        for dataset, values in self.component.presets.items():
            self._constructs(values, f"the preset for {dataset}")

    def test_search_ranges_are_valid(self) -> None:
        """The ends of every range make a component, one at a time and all together."""
        ends = {f.name: list(_ends(f)) for f in fields_of(self.component) if f.param.search}
        for name, values in ends.items():
            for value in values:
                self._constructs({name: value}, f"the range of {name}")
        for side in (0, -1):
            self._constructs({name: values[side] for name, values in ends.items()}, "the ranges")

    def test_module_imports_nothing_heavy(self) -> None:
        """Listing stays quick: what is heavy is imported where it is used."""
        modules = elsewhere(loaded_modules, self.component, {})["modules"].tolist()
        heavy = [name for name in HEAVY if name in modules]
        require(
            not heavy,
            f"importing {self.component.__module__} imports {', '.join(heavy)}; "
            "import inside the functions that need it",
        )

    def _constructs(self, values: Mapping[str, Value], what: str) -> None:
        try:
            build(self.component, values)
        except ConfigError as error:
            raise AssertionError(f"{what} is invalid: {error}") from error
        except Exception as error:
            raise AssertionError(f"{what} {dict(values)} cannot be constructed: {error}") from error


def build(component: type[Any], config: Mapping[str, Value]) -> Any:
    """Return a component with some parameters set."""
    return component(component.Config.create(config, component.name))


def fields_of(component: type[Component]) -> list[Field]:
    """Return the fields of a component's configuration, or say why there are none."""
    try:
        return component.Config.fields()
    except Exception as error:
        raise AssertionError(
            f"the fields of {component.Config.__name__} cannot be read ({error}); it must be a "
            "frozen keyword-only dataclass whose types are importable at run time"
        ) from error


def _ends(field: Field) -> Iterator[Value]:
    search = field.param.search
    if isinstance(search, Choice):
        yield from search.values
    elif search is not None:
        yield from [None] * search.optional
        yield search.low
        yield search.high
