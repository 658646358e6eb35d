"""Tasks: what a record says was asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchkit.pipeline import plan
from benchkit.protocol import Protocol
from benchkit.settings import Settings
from tests.making import prepared


@pytest.mark.parametrize(
    ("name", "overrides", "given"),
    [
        (
            "llm-seq-sim",
            {
                "llm-seq-sim": {"embedder": "lsa", "dim": "4"},
                "lsa": {"dims": "8"},
                "sknn": {"k": "3"},
            },
            {"embedder": "lsa", "dim": 4, "lsa.dims": 8},
        ),
        (
            "llm-seq-sim-popularity",
            {"llm-seq-sim": {"embedder": "lsa"}, "lsa": {"dims": "8"}},
            {"llm-seq-sim.embedder": "lsa", "lsa.dims": 8},
        ),
        ("llm-seq-sim", {"minilm": {"device": "cpu"}}, {}),  # the same vectors
    ],
)
def test_what_the_user_set_of_all_that_a_result_depends_on(
    tmp_path: Path, name: str, overrides: dict[str, dict[str, str]], given: dict[str, object]
) -> None:
    settings = Settings(Protocol(), "paper", overrides, (20,), 0, tmp_path, tmp_path)
    assert plan(prepared([[0, 1], [1, 2]]), name, settings).given == given
