"""Runs over an output folder in which something is damaged, or is a later version's."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from benchkit.contracts.protocol import Protocol
from benchkit.evaluation import pipeline
from benchkit.evaluation.pipeline import execute
from benchkit.evaluation.processes import Event
from benchkit.evaluation.runs import Events, Outcome, run_all
from benchkit.evaluation.settings import Settings
from benchkit.evaluation.tasks import Task, plan
from tests.making import prepared
from tests.workspace import board

DATA = prepared([[0, 1, 2], [1, 2], [0, 2], [2, 1], [0, 1], [2, 0]])


def here(tasks: Sequence[Task]) -> Events:
    for task in tasks:
        yield task, Event("done", record=execute(task, lambda _: None, lambda _: None))


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Outcome]:
    """Evaluate two recommenders, or go on, in this process."""
    monkeypatch.setattr(pipeline, "load_prepared", lambda *_: DATA)

    def run(*cutoffs: int) -> Outcome:
        settings = Settings(Protocol(), "paper", {}, cutoffs or (2,), 0, tmp_path, tmp_path)
        tasks = [plan(DATA, name, settings) for name in ("most-popular", "sknn")]
        return run_all(DATA.name, tasks, here)

    return run


def rows(out: Path) -> dict[str, float]:
    return {row.recommender: row.metrics["ndcg@2"] for row in board(out, DATA.name)[0].rows}


@pytest.mark.parametrize("name", ["record.json", "lists.parquet"])
@pytest.mark.parametrize("content", [None, b"{", b""])
def test_what_is_damaged_is_put_aside_and_made_anew(
    tmp_path: Path, run: Callable[..., Outcome], name: str, content: bytes | None
) -> None:
    assert run().warnings == []
    before = rows(tmp_path)
    (folder,) = tmp_path.glob("records/*/sknn-*")
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_bytes(content)
    outcome = run()
    (warning,) = outcome.warnings
    assert f"{folder / name} (" in warning
    assert f"made again, and what is left of it is in {folder}.damaged" in warning
    assert (len(outcome.records), outcome.failures, rows(tmp_path)) == (2, [], before)
    assert run().warnings == []


def test_lists_of_other_prompts_are_made_anew_where_they_are_needed(
    tmp_path: Path, run: Callable[..., Outcome]
) -> None:
    run()
    (path,) = tmp_path.glob("records/*/sknn-*/record.json")
    content = json.loads(path.read_text())
    del content["lists"], content["metrics"]["hr@2"]  # as earlier versions wrote it
    path.write_text(json.dumps(content))
    (path.parent / "lists.parquet").write_bytes(b"PAR1 and nothing PAR1")
    outcome = run()
    assert (len(outcome.records), outcome.failures) == (2, [])
    assert "hr@2" in json.loads(path.read_text())["metrics"]
    assert path.parent.with_name(f"{path.parent.name}.damaged").is_dir()


def test_a_record_of_a_later_version_is_told_and_kept(
    tmp_path: Path, run: Callable[..., Outcome]
) -> None:
    run()
    (path,) = tmp_path.glob("records/*/sknn-*/record.json")
    later = path.read_text().replace('"format": 1', '"format": 2')
    path.write_text(later)
    outcome = run()
    assert [r.identity.recommender["name"] for r in outcome.records] == ["most-popular"]
    (failure,) = outcome.failures
    assert failure.identity.recommender["name"] == "sknn"
    assert "a later version of benchkit has written it" in failure.reason
    assert path.read_text() == later
    assert rows(tmp_path).keys() == {"most-popular", "sknn"}  # as the leaderboard has it
