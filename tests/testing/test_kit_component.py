"""The checks for every kind, and that the kit asks nothing of those who do not use it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import pytest

from benchkit import Choice, Config, Embedder, Float, Int, param
from benchkit.contracts.config import Value
from benchkit.testing import EmbedderConformance
from benchkit.testing.component import ComponentConformance
from tests.testing.imports_polars import Slow
from tests.testing.right import Words
from tests.testing.trials import checks, must_fail, try_check

AnyConfig = Config  # within a component, `Config` is its own


class SpacesInName(Words):
    name = "My Words"


class NoDocstring(Words):
    pass


class NoSource(Words):
    """Words."""

    source = ""


@dataclass(frozen=True, kw_only=True)
class Bare(Config):
    size: int = 3


@dataclass(frozen=True, kw_only=True)
class Dangling(Config):
    size: int = param(3, "size", when={"shape": "square"})


@dataclass(frozen=True, kw_only=True)
class LowDefault(Config):
    size: int = param(0, "size", at_least=1)


@dataclass(frozen=True, kw_only=True)
class WideRange(Config):
    size: int = param(5, "size", search=Int(0, 9), at_least=1)


@dataclass(frozen=True, kw_only=True)
class WideChoice(Config):
    mode: Literal["a", "b"] = param("a", "mode", search=Choice("a", "b", "c"))


@dataclass(frozen=True, kw_only=True)
class Unresolved(Config):
    size: Nowhere = param(5, "size")  # type: ignore[name-defined]  # noqa: F821


@dataclass(frozen=True, kw_only=True)
class Fine(Config):
    low: float = param(0.1, "lower end", search=Float(0, 0.5))
    high: float = param(0.9, "upper end", search=Float(0.4, 1.0), when={"low": 0.1})


class Picky(Words):
    """Words within limits."""

    Config = Fine
    config: Fine

    def __init__(self, config: AnyConfig | None = None) -> None:
        super().__init__(config)
        if self.config.low + self.config.high > 1.4:
            raise ValueError("more than 1.4 together")


class UnknownPreset(Words):
    """Words."""

    presets: ClassVar[Mapping[str, Mapping[str, Value]]] = {"steam": {"colour": "red"}}


def _with(config: type[Config]) -> type[Embedder]:
    return type("Configured", (Words,), {"Config": config, "__doc__": "Words."})


WRONG: list[tuple[type[Embedder], str, str]] = [
    (SpacesInName, "test_name_is_kebab_case", "not 'My Words'"),
    (NoDocstring, "test_headline_and_source_say_what_it_is", "needs a docstring"),
    (NoSource, "test_headline_and_source_say_what_it_is", "source must say"),
    (_with(Bare), "test_every_parameter_is_explained", "size needs a meaning"),
    (_with(Dangling), "test_every_parameter_is_explained", "'shape', which is no parameter"),
    (_with(Unresolved), "test_every_parameter_is_explained", "importable at run time"),
    (_with(LowDefault), "test_default_configuration_is_valid", "must be at least 1, not 0"),
    (UnknownPreset, "test_presets_are_valid", "the preset for steam is invalid.*colour"),
    (_with(WideRange), "test_search_ranges_are_valid", "the range of size is invalid"),
    (_with(WideChoice), "test_search_ranges_are_valid", "takes a | b, not 'c'"),
    (Slow, "test_module_imports_nothing_heavy", "imports polars"),
]


@pytest.mark.parametrize(("wrong", "check", "message"), WRONG)
def test_a_wrong_one_fails(wrong: type[Embedder], check: str, message: str) -> None:
    must_fail(EmbedderConformance, wrong, check, message)


def test_every_check_has_a_wrong_one() -> None:
    assert {check for _, check, _ in WRONG} == set(checks(ComponentConformance))


def test_ranges_are_also_tried_together() -> None:
    must_fail(EmbedderConformance, Picky, "test_search_ranges_are_valid", "more than 1.4 together")


def test_what_cannot_run_here_is_skipped() -> None:
    class NoKey(Words):
        @classmethod
        def unavailable(cls) -> str | None:
            return "the environment has no key"

    with pytest.raises(pytest.skip.Exception, match="has no key"):
        try_check(EmbedderConformance, NoKey, "test_same_text_same_row")


def test_the_kit_imports_without_pytest_and_anything_heavy() -> None:
    code = (
        "import sys, benchkit.testing\n"
        "print([name for name in ('pytest', 'polars', 'torch') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
