"""`benchkit evaluate` as it is used, over records of a handful of sessions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from filelock import FileLock, Timeout

from benchkit.cli.evaluate import evaluate
from benchkit.contracts.errors import BenchkitError
from benchkit.contracts.protocol import Protocol
from benchkit.contracts.recommender import Recommendations
from benchkit.data.split import temporal_split
from benchkit.evaluation import remeasure as evaluation
from benchkit.evaluation.remeasure import remeasure
from benchkit.leaderboards import store
from benchkit.leaderboards.record import Record
from tests.leaderboards.samples import record
from tests.making import prepared
from tests.workspace import board

DATA = prepared([[0, 1], [1, 2], [0, 2], [2, 1], [0, 1]])
SPLIT = temporal_split(DATA, Protocol(test_share=0.4))


@pytest.fixture(autouse=True)
def _data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation, "split_of", lambda _record: (DATA, SPLIT))


def kept(out: Path, name: str, depth: int, dataset: str = "made") -> Path:
    """Keep a record whose lists are right, and whose only figure, at their depth, is wrong."""
    run = record(name, {f"hr@{depth}": 0.0}, dataset=dataset, depth=depth)
    truth = SPLIT.test.truth
    items = np.full((len(truth), depth), -1, dtype=np.int32)
    items[:, 0] = truth
    scores = np.where(items < 0, -np.inf, 1.0).astype(np.float32)
    lists = Recommendations(items, scores)
    return store.write(out, run, lists, SPLIT.test.prompts.ids, truth, {})


def invoke(out: Path, *arguments: str) -> Result:
    # as `main` does, which makes an exit code of what is returned
    return CliRunner().invoke(evaluate, [*arguments, "--out", str(out)], standalone_mode=False)


def error(out: Path, *arguments: str) -> str:
    found = invoke(out, *arguments).exception
    assert isinstance(found, BenchkitError), found
    return str(found)


def metrics(folder: Path) -> Mapping[str, float]:
    found: Mapping[str, float] = store.read(folder / "record.json").metrics
    return found


def test_each_record_is_measured_at_its_own_cutoffs(tmp_path: Path) -> None:
    deep, shallow = kept(tmp_path, "deep", 20), kept(tmp_path, "shallow", 10)
    result = invoke(tmp_path)
    assert (result.exception, result.return_value) == (None, 0)
    assert (metrics(deep)["hr@20"], metrics(shallow)["hr@10"]) == (1.0, 1.0)
    assert "ndcg@10" not in metrics(deep)
    part = invoke(tmp_path, "made", "--k", "15")
    assert part.return_value == 1
    assert {"hr@15", "hr@20"} <= set(metrics(deep))
    assert "shallow on made: its lists hold 10 items; run again with --k 15" in part.stderr
    assert "no record was measured again" in error(tmp_path, "--k", "50")


def test_a_record_whose_metrics_all_failed_keeps_its_cutoffs(tmp_path: Path) -> None:
    folder = kept(tmp_path, "sknn", 10)
    run = replace(store.read(folder / "record.json"), metrics={}, failed_metrics={"hr@5": "no"})
    store.rewrite(folder, run)
    assert invoke(tmp_path).return_value == 0
    assert {"hr@5", "hr@10"} <= set(metrics(folder))


def test_a_damaged_record_stops_no_other(tmp_path: Path) -> None:
    folder, damaged = kept(tmp_path, "sknn", 10), kept(tmp_path, "v-sknn", 10)
    (damaged / "record.json").write_text("{")
    result = invoke(tmp_path)
    assert (result.exception, result.return_value) == (None, 1)
    assert "Warning: cannot read the record" in result.stderr
    assert metrics(folder)["hr@10"] == 1.0
    assert board(tmp_path, "made")[0].rows[0].metrics["hr@10"] == 1.0


def test_names_that_have_no_record_are_told_which_have(tmp_path: Path) -> None:
    assert "there are no kept lists in" in error(tmp_path)
    kept(tmp_path, "sknn", 10, "steam-sample")
    assert "did you mean steam-sample?" in error(tmp_path, "steam")
    assert "there are: steam-sample" in error(tmp_path, "nosuch")
    assert "unknown recommender 'skn'; did you mean sknn?" in error(tmp_path, "-r", "skn")
    kept(tmp_path, "v-sknn", 10)
    both = invoke(tmp_path, "-r", "v-sknn")
    assert both.return_value == 0
    assert "Left out: steam-sample: there are no lists of it" in both.stderr


def test_a_record_is_locked_and_read_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = kept(tmp_path, "sknn", 10)
    key = store.read(folder / "record.json").identity.key

    def watched(folder: Path, run: Record, *others: Any) -> Record:
        with pytest.raises(Timeout):
            FileLock(tmp_path / "records" / ".locks" / f"{key}.lock").acquire(timeout=0)
        assert run.search == {"study": "newer"}
        return remeasure(folder, run, *others)

    def changed(run: Record) -> tuple[object, object]:
        # what a run writes between our reading and our locking
        store.rewrite(folder, replace(run, search={"study": "newer"}))
        return DATA, SPLIT

    monkeypatch.setattr(evaluation, "remeasure", watched)
    monkeypatch.setattr(evaluation, "split_of", changed)
    assert invoke(tmp_path).return_value == 0
    assert store.read(folder / "record.json").search == {"study": "newer"}
