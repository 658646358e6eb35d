"""What can run on which data: recommenders that read texts need some."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from benchkit.components.configure import with_embedder
from benchkit.contracts.protocol import Protocol
from benchkit.evaluation.availability import unused, why_left_out
from benchkit.evaluation.settings import Settings
from tests.making import prepared

DATA = prepared([[0, 1], [1, 2]])
WORDLESS = replace(DATA, catalog=replace(DATA.catalog, texts=[""] * 3, titles=[""] * 3))


def settings(folder: Path) -> Settings:
    return Settings(
        protocol=Protocol(),
        preset="default",
        overrides={},
        cutoffs=(1,),
        seed=0,
        workspace=folder,
        out=folder,
    )


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize(
    "name",
    [
        "llm-seq-sim",
        "sknn-emb",
        "embedding-ensemble",
        "llm-seq-sim-sequential",
        "llm2sasrec",
        "bert2gru4rec",
        "llm-seq-prompt-gen-item",
        "tallrec",
    ],
)
def test_what_reads_texts_needs_some(tmp_path: Path, name: str, named: bool) -> None:
    given = settings(tmp_path)
    assert "the items have no texts" in str(why_left_out(name, WORDLESS, given, named=named))
    assert "no texts" not in str(why_left_out(name, DATA, given, named=named))


@pytest.mark.parametrize(
    ("name", "own"),
    [
        ("llm-seq-sim-popularity", {"embedder": "random"}),
        ("embedding-ensemble", {"first": "random", "second": "random"}),
    ],
)
def test_what_it_gives_others_itself_decides_what_it_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, own: dict[str, str]
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    unusable = {"llm-seq-sim": {"embedder": "openai"}}
    given = replace(settings(tmp_path), overrides={**unusable, name: own})
    assert why_left_out(name, DATA, given, named=True) is None
    assert "key" in str(why_left_out("llm-seq-sim", DATA, given, named=True))


def test_an_embedder_for_all_reaches_every_parameter_that_names_one() -> None:
    values = with_embedder({"embedding-ensemble": {"second": "minilm"}}, "random")
    assert values["embedding-ensemble"] == {"first": "random", "second": "minilm"}
    assert values["llm-seq-sim-popularity"] == {"embedder": "random"}
    assert "sknn" not in values


@pytest.mark.parametrize(
    ("given", "names", "idle"),
    [
        ("sknn", ["v-sknn"], True),
        ("sknn", ["v-sknn", "sknn"], False),
        ("llm-seq-sim", ["llm-seq-sim-popularity"], False),
        ("random-projection", ["llm-seq-sim"], False),  # a search may choose it
        ("lsa", ["llm-seq-sim"], True),
        ("sknn-emb", ["llm-seq-sim-sequential"], False),
    ],
)
def test_what_was_set_for_nobody_is_found(
    tmp_path: Path, given: str, names: list[str], idle: bool
) -> None:
    found = unused({given: {}}, names, DATA, settings(tmp_path))
    assert found == ([given] if idle else [])


def test_what_prompting_takes_is_told_without_a_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    name = "llm-seq-prompt-gen-item"
    given = settings(tmp_path)
    paid = replace(given, overrides={name: {"provider": "openai", "state": "base"}})
    told = str(why_left_out(name, prepared([[0, 1, 2]] * 10), paid, named=False))
    assert re.search(r"calls, about [\d,]+ tokens, \$[\d.]+.*; it needs a key", told)


@pytest.mark.parametrize("name", ["most-popular", "v-sknn", "sasrec", "s3rec"])
def test_what_reads_none_runs_without(tmp_path: Path, name: str) -> None:
    assert why_left_out(name, WORDLESS, settings(tmp_path), named=False) is None
