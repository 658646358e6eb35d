"""What can run on which data: recommenders that read texts need some."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from benchkit.availability import reason_against
from benchkit.protocol import Protocol
from benchkit.settings import Settings
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
    assert "the items have no texts" in str(reason_against(name, WORDLESS, given, named=named))
    assert "no texts" not in str(reason_against(name, DATA, given, named=named))


def test_what_prompting_takes_is_told_without_a_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    name = "llm-seq-prompt-gen-item"
    given = settings(tmp_path)
    paid = replace(given, overrides={name: {"provider": "openai", "state": "base"}})
    told = str(reason_against(name, prepared([[0, 1, 2]] * 10), paid, named=False))
    assert re.search(r"calls, about [\d,]+ tokens, \$[\d.]+.*; it needs a key", told)


@pytest.mark.parametrize("name", ["most-popular", "v-sknn", "sasrec", "s3rec"])
def test_what_reads_none_runs_without(tmp_path: Path, name: str) -> None:
    assert reason_against(name, WORDLESS, settings(tmp_path), named=False) is None
