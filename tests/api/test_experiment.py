"""Experiments: files that read back, and what cannot be."""

from __future__ import annotations

import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchkit import Experiment
from benchkit.cli.run import _FIELDS, run
from benchkit.contracts.errors import ConfigError, DataError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
_VALUES = st.booleans() | st.integers(-9, 9) | st.floats(-1, 1) | _NAMES


@given(
    st.builds(
        Experiment,
        dataset=st.sampled_from(["beauty", "steam-sample"]),
        recommenders=st.lists(_NAMES, max_size=2),
        set=st.dictionaries(_NAMES, st.dictionaries(_NAMES, _VALUES, max_size=2), max_size=2),
        ties=st.just(["file"]) | st.lists(st.integers(0, 9), min_size=1, max_size=2, unique=True),
        k=st.lists(st.integers(1, 99), max_size=2),
        max_cost=st.none() | st.floats(0, 9),
        trials=st.none() | st.integers(0, 9),
        warm_start=st.booleans(),
        storage=st.none() | st.just("postgresql://db/studies"),
    )
)
def test_a_file_reads_back_as_it_was_written(experiment: Experiment) -> None:
    content = tomllib.loads(experiment.to_toml())
    assert Experiment(**content).non_defaults() == experiment.non_defaults()


def test_paths_are_relative_to_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "studies").mkdir()
    given = Experiment(dataset="data/mine.toml", raw=Path("raw"), out=Path("out"), storage="s.db")
    given.write(Path("studies/one.toml"))
    assert 'raw = "../raw"' in Path("studies/one.toml").read_text()
    monkeypatch.chdir("/")
    read = Experiment.read(tmp_path / "studies" / "one.toml")
    assert Path(read.dataset).resolve() == tmp_path / "data" / "mine.toml"
    assert read.out is not None
    assert read.out.resolve() == tmp_path / "out"


def test_what_is_told_besides_wins_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "e.toml").write_text('dataset = "beauty"\nseeds = [1, 2]\nembedder = "lsa"\n')
    read = Experiment.read(tmp_path / "e.toml", seeds=(3,))
    assert (read.dataset, read.seeds, read.embedder) == ("beauty", (3,), ("lsa",))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("dataset = ", "cannot read the experiment"),
        ("seeds = [1]", "it names no dataset"),
        ('dataset = "a"\nseed = 1', "unknown field 'seed'; did you mean seeds"),
        ('dataset = "a"\nseeds = [-1]', r"seeds cannot be \[-1\]; it takes whole numbers from 0"),
        ('dataset = "a"\nties = ["random"]', "--ties takes seeds"),
        ('dataset = "a"\nprotocol = "odd"', "protocol cannot be 'odd'; it is one of paper, strict"),
        ('dataset = "a"\nset = 3', "set cannot be 3; it takes a table"),
        ('dataset = "a"\njobs = "2"', "jobs cannot be '2'"),
        ('dataset = "a"\nties = 0.5', "ties cannot be 0.5"),
        ('dataset = "a"\nraw = 3', "raw cannot be 3"),
        ('dataset = "a"\nk = [0]', r"k cannot be \[0\]"),
    ],
)
def test_a_file_that_cannot_be_is_named_with_its_fault(
    tmp_path: Path, content: str, problem: str
) -> None:
    (tmp_path / "e.toml").write_text(content)
    with pytest.raises((ConfigError, DataError), match=problem) as error:
        Experiment.read(tmp_path / "e.toml")
    assert "e.toml" in str(error.value)


@pytest.mark.parametrize("name", [each.name for each in fields(Experiment)])
def test_every_field_is_checked(name: str) -> None:
    values: dict[str, Any] = {"dataset": "a", name: object()}
    with pytest.raises(ConfigError, match=f"^{name} cannot be <object"):
        Experiment(**values)


def test_every_field_is_an_option_of_run() -> None:
    options = {_FIELDS.get(str(each.name), each.name) for each in run.params}
    here = {"more", "save", "dry_run"}  # the file itself, and what no file says
    assert options - here == {each.name for each in fields(Experiment)}


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no experiment"):
        Experiment.read(tmp_path / "none.toml")


def test_a_record_learns_nothing_of_the_machine() -> None:
    values: dict[str, Any] = {"raw": Path("/home/me"), "out": Path("/x"), "storage": "p://w@h"}
    experiment = Experiment(dataset="/home/me/mine.toml", seeds=(1,), **values)
    assert experiment.public() == {"dataset": "mine.toml", "seeds": [1]}
