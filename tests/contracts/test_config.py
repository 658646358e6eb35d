"""Configurations: typed, bounded, explained, and printed as they are read."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, dataclass
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchkit import Choice, Config, Float, Int, param
from benchkit.contracts.config import Value, show_type, show_value
from benchkit.contracts.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Sample(Config):
    k: int = param(100, "neighbours", search=Int(50, 500, step=10), unit="sessions", at_least=1)
    rate: float = param(0.5, "rate", search=Float(1e-4, 1, log=True), at_least=0, at_most=1)
    idf: bool = param(False, "weighting")
    kind: Literal["cosine", "dot"] = param("dot", "similarity", search=Choice("cosine", "dot"))
    last: int | None = param(None, "items read", at_least=1)
    label: str | None = param(None, "label", when={"kind": "dot"})
    depth: Literal[1, 2, True] = param(1, "depth")


def read(**values: object) -> Sample:
    return Sample.create(values, "sample")


def test_what_is_left_out_takes_its_default() -> None:
    assert read(k=7) == Sample(k=7)
    assert dict(read()) == read().as_dict() == dict(Sample())


def test_a_configuration_is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        Sample().k = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("name", "given", "value"),
    [
        ("k", "7", 7),
        ("k", 7.0, 7),
        ("rate", "0.25", 0.25),
        ("rate", 1, 1.0),
        ("idf", "Yes", True),
        ("idf", "0", False),
        ("idf", True, True),
        ("kind", "cosine", "cosine"),
        ("last", "none", None),
        ("last", None, None),
        ("last", "3", 3),
        ("label", "none", None),
        ("label", "3", "3"),
        ("depth", "2", 2),
        ("depth", "true", True),
    ],
)
def test_values_are_read_as_the_fields_type(name: str, given: object, value: Value) -> None:
    result = getattr(read(**{name: given}), name)
    assert result == value
    assert type(result) is type(value)


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("k", "many", "sample: k takes int, not 'many'"),
        ("k", 7.5, "k takes int, not '7.5'"),
        ("k", True, "k takes int, not 'true'"),
        ("k", None, "k takes int, not 'none'"),
        ("k", 0, "k must be at least 1, not 0"),
        ("rate", "nan", "rate takes float"),
        ("rate", "inf", "rate takes float"),
        ("rate", 10**400, "rate takes float"),
        ("rate", 2, "rate must be at least 0 and at most 1, not 2.0"),
        ("idf", "maybe", "idf takes bool"),
        ("idf", 1, "idf takes bool"),
        ("kind", "sine", r"kind takes cosine \| dot, not 'sine'"),
        ("last", "0", "last must be at least 1"),
        ("last", "few", r"last takes int \| none"),
        ("label", 3, r"label takes str \| none"),
        ("depth", 3, r"depth takes 1 \| 2 \| true"),
        ("kk", 3, "sample: unknown parameter 'kk'; did you mean k"),
        ("colour", 3, "there are: depth, idf, k, kind, label, last, rate"),
    ],
)
def test_what_does_not_fit_is_explained(name: str, given: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read(**{name: given})


def test_fields_say_everything_in_order() -> None:
    fields = {field.name: field for field in Sample.fields()}
    assert list(fields) == ["k", "rate", "idf", "kind", "last", "label", "depth"]
    assert fields["k"].default == 100
    assert fields["k"].param.unit == "sessions"
    assert fields["label"].param.when == {"kind": "dot"}
    assert [show_type(fields[name].type) for name in ("k", "kind", "last", "depth")] == [
        "int",
        "cosine | dot",
        "int | none",
        "1 | 2 | true",
    ]


@pytest.mark.parametrize(
    ("search", "text"),
    [
        (Int(1, 9), "1 to 9"),
        (Int(50, 500, step=50), "50 to 500 step 50"),
        (Int(1, 1024, log=True), "1 to 1024 (log)"),
        (Float(0, 1, step=0.1), "0 to 1 step 0.1"),
        (Float(1e-4, 0.1, log=True), "0.0001 to 0.1 (log)"),
        (Choice("cosine", None, True, 0.5), "cosine, none, true, 0.5"),
    ],
)
def test_ranges_are_shown_in_words(search: Any, text: str) -> None:
    assert str(search) == text


@given(
    st.builds(
        Sample,
        k=st.integers(1, 10**9),
        rate=st.floats(0, 1),
        idf=st.booleans(),
        kind=st.sampled_from(["cosine", "dot"]),
        last=st.none() | st.integers(1, 50),
        label=st.none() | st.text().filter(lambda text: text != "none"),
    )
)
def test_what_is_shown_reads_back(config: Sample) -> None:
    shown = {name: show_value(value) for name, value in config}
    assert read(**shown) == config
