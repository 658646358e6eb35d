"""What `benchkit run` measures, keeps and shows."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner, Result

from benchkit.cli import cli
from benchkit.contracts.protocol import Protocol
from benchkit.evaluation.settings import Settings
from benchkit.evaluation.tasks import Task
from benchkit.leaderboards import ranks, store
from tests.workspace import Workspace, board


def test_a_run_writes_a_leaderboard_and_a_second_run_repeats_nothing(workspace: Workspace) -> None:
    out, err = workspace.here("run", "-r", "most-popular", "-r", "v-sknn", "--dataset", "steam")
    assert "GENERATED SAMPLE" in err
    assert "v-sknn" in out
    rows = {row["recommender"]: row for row in workspace.rows()}
    assert set(rows) == {"most-popular", "v-sknn"}
    assert rows["v-sknn"]["metrics"]["ndcg@20"] > 2 * rows["most-popular"]["metrics"]["ndcg@20"]
    before = {path: path.stat().st_mtime_ns for path in workspace.records()}
    _, err = workspace.here("run", "-r", "most-popular", "-r", "v-sknn", "--dataset", "steam")
    assert err.count("kept from an earlier run") == 2
    assert before == {path: path.stat().st_mtime_ns for path in workspace.records()}
    for path in before:
        _check_what_is_kept(workspace, path)


def _check_what_is_kept(workspace: Workspace, path: Path) -> None:
    record = json.loads(path.read_text())
    lists = pl.read_parquet(path.parent / "lists.parquet")
    values = pl.read_parquet(path.parent / "values.parquet")
    assert len(lists) == len(values) == record["prompts"]
    assert values["ndcg@20"].mean() == pytest.approx(record["metrics"]["ndcg@20"])
    assert record["environment"]["packages"]["numpy"]
    assert record["seconds"]["fit"] > 0
    assert record["peak_memory"] > 10_000_000
    assert str(workspace.folder) not in path.read_text()
    kept = ranks.read(workspace.out / "steam-sample.ranks.parquet")[store.read(path).identity.key]
    assert kept.sessions.tolist() == lists["session"].to_list()
    assert (kept.ranks > 0).mean() == pytest.approx(record["metrics"]["hr@20"])
    found = kept.ranks[kept.ranks > 0]
    assert (1 / found).sum() / len(lists) == pytest.approx(record["metrics"]["mrr@20"])


def test_what_a_run_shows_is_its_own_though_it_was_kept_or_measured_anew(
    workspace: Workspace,
) -> None:
    def shown(*more: str) -> str:
        command = ("run", "-r", "most-popular", "--dataset", "steam")
        out, err = workspace.here(*command, *more)
        (row,) = workspace.rows()
        figure = f"{row['metrics']['ndcg@20']:.4f}"
        assert f"ndcg@20 {figure}" in err
        assert figure[1:] in out
        return figure

    other = ("--set", "steam.p_core=10")
    whole, cored = shown(), shown(*other)
    assert whole != cored
    assert (shown(), shown(*other, "--k", "5,20")) == (whole, cored)


def test_other_cutoffs_join_the_usual_ones_and_other_prompts_do_not(workspace: Workspace) -> None:
    command = ("run", "-r", "most-popular", "--dataset", "steam-sample")
    workspace.here(*command)
    (before,) = workspace.records()
    created = json.loads(before.read_text())["created"]
    out, _ = workspace.here(*command, "--set", "steam-sample.p_core=5", "--k", "5")
    assert "Top@5" in out
    (after,) = workspace.records()
    assert json.loads(after.read_text())["created"] == created, "the kept lists say it"
    workspace.here(*command, "--k", "50")
    (row,) = workspace.rows()
    assert {"ndcg@10", "ndcg@20", "ndcg@50"} <= set(row["metrics"])
    # as many prompts as there are is no subset
    _, err = workspace.here(*command, "--max-prompts", "100000")
    assert "kept from an earlier run" in err
    out, _ = workspace.here(*command, "--max-prompts", "50")
    assert "SUBSET of 50 of" in " ".join(out.split())


def test_evaluate_measures_kept_lists_anew(workspace: Workspace) -> None:
    workspace.here("run", "-r", "v-sknn", "--dataset", "steam")
    (path,) = workspace.records()
    record = json.loads(path.read_text())
    expected = dict(record["metrics"])
    record["metrics"] = {"ndcg@10": 0.0}
    path.write_text(json.dumps(record))
    assert evaluate(workspace).exit_code == 0
    assert json.loads(path.read_text())["metrics"] == pytest.approx(expected)
    assert workspace.rows()[0]["metrics"] == pytest.approx(expected)
    # Cutoffs below the depth of the lists can be had later, deeper ones cannot.
    evaluate(workspace, "--k", "5")
    assert "ndcg@5" in json.loads(path.read_text())["metrics"]
    assert "its lists hold 20 items" in evaluate(workspace, "--k", "50").stderr
    _check_that_edited_metrics_are_measured_again(workspace, path)


def evaluate(workspace: Workspace, *more: str) -> Result:
    """Evaluate in this process, which is quicker."""
    return CliRunner().invoke(cli, ["evaluate", "steam-sample", *more], env=workspace.environment)


def _check_that_edited_metrics_are_measured_again(workspace: Workspace, path: Path) -> None:
    record = json.loads(path.read_text())
    kept, settings = store.read(path), Settings(Protocol(), "", {}, (20,), 0, path, path)
    task = Task(kept.identity, settings, {})
    for noted in (kept.metric_sources, dict[str, str]()):  # unchanged as far as is known
        assert not task.missing(replace(kept, metric_sources=noted))
    sources, wrong = record["metric_sources"], {**record["metrics"], "ndcg@20": 0.0}
    edited = {**sources, "ndcg": "another"}
    path.write_text(json.dumps({**record, "metrics": wrong, "metric_sources": edited}))
    workspace.here("run", "-r", "v-sknn", "--dataset", "steam")
    after = json.loads(path.read_text())
    assert after["metrics"] == pytest.approx(record["metrics"])
    assert (after["metric_sources"], after["seconds"]) == (sources, record["seconds"])


def test_strict_keeps_prompts_out_and_has_a_table_of_its_own(
    workspace: Workspace, tmp_path: Path
) -> None:
    workspace.environment["AWKWARD_LOG"] = str(tmp_path / "log")
    command = ("run", "-r", "most-popular", "-r", "slow", "--dataset", "steam")
    workspace.here(*command)
    workspace.here(*command, "--protocol", "strict")
    names = [table.protocol["name"] for table in board(workspace.out, "steam-sample")]
    assert names == ["strict", "paper"]
    for path in workspace.records():
        if json.loads(path.read_text())["identity"]["protocol"]["name"] == "strict":
            assert _prompts_kept_out(workspace, path.parent)


def _prompts_kept_out(workspace: Workspace, folder: Path) -> bool:
    from benchkit.contracts.protocol import Protocol
    from benchkit.data.open import load_prepared
    from benchkit.data.split import temporal_split
    from benchkit.leaderboards.store import read, read_lists

    record = read(folder / "record.json")
    identity, about = record.identity, record.identity.dataset
    prepared = load_prepared(
        workspace.folder, about["name"], about["fingerprint"], identity.protocol
    )
    prompts = temporal_split(prepared, Protocol(name="strict")).test.prompts
    lists, _, _ = read_lists(folder, record)
    return all(not set(prompts[row]) & set(lists.items[row]) for row in range(len(prompts)))


def test_own_data_and_lists_longer_than_the_catalog(workspace: Workspace) -> None:
    lines = [
        f"user-{user},item-{(user + step) % 9},{86400 * user + step}"
        for user in range(60)
        for step in range(4)
    ]
    (workspace.folder / "log.csv").write_text("\n".join(["user,product,when", *lines]))
    (workspace.folder / "my-shop.toml").write_text(
        '[dataset]\nname = "my-shop"\n[interactions]\nfile = "log.csv"\n'
        'session = "user"\nitem = "product"\ntime = "when"\n'
    )
    data = str(workspace.folder / "my-shop.toml")
    workspace.here("run", "-r", "most-popular", "--dataset", data, "--k", "1,20,100000")
    (row,) = workspace.rows("my-shop")
    # Every session is four items of a cycle of nine: the whole catalog holds each truth.
    assert row["metrics"]["hr@100000"] == row["metrics"]["hr@20"] == 1
    assert row["metrics"]["hr@1"] < 1


def test_a_dry_run_only_says_what_would_be_done(workspace: Workspace) -> None:
    out, _ = workspace.here("run", "-r", "v-sknn", "--dataset", "steam", "--dry-run")
    assert re.search(r"to run +v-sknn +ties 0 .*k=490", out)
    assert not workspace.out.exists() or not workspace.records()


def test_all_downloads_nothing_that_nobody_named(workspace: Workspace) -> None:
    pytest.importorskip("transformers")
    workspace.environment["HF_HOME"] = str(workspace.folder / "no models")
    command = ("run", "--dataset", "steam", "--dry-run")
    # what prompted models would ask for is told without embedding the catalog
    tasks = ("class", "gen-list", "rank")
    embedding = (*(f"llm-seq-prompt-{task}" for task in tasks), "llm-seq-sim")
    quick = [f"--set={name}.embedder=random" for name in embedding]
    out, _ = workspace.run(*command, "--all", "--set", "bert2sasrec.embedder=bert", *quick)
    assert re.search(r"to run +bert2sasrec", out)
    assert re.search(r"left out +bert2gru4rec: .*bert-base-uncased must be downloaded first", out)
    out, _ = workspace.run(*command, "-r", "bert2gru4rec")
    assert re.search(r"to run +bert2gru4rec", out)


def test_longer_lists_need_no_second_fit(workspace: Workspace) -> None:
    command = ("run", "-r", "sasrec", "--dataset", "steam", "--set", "sasrec.epochs=1")
    workspace.here(*command)
    _, err = workspace.here(*command, "--k", "10,50")
    assert "weights of an earlier fit serve again" in err
    first, second = (json.loads(record.read_text()) for record in workspace.records())
    assert first["metrics"]["ndcg@10"] == second["metrics"]["ndcg@10"]
    # What it cost to train is not forgotten.
    assert min(first["seconds"]["fit"], second["seconds"]["fit"]) > 0.1


def test_several_ties_and_seeds_are_one_row_with_mean_and_spread(workspace: Workspace) -> None:
    several = ("--ties", "0,1", "--seeds", "0,1", "--jobs", "2")
    workspace.here("run", "-r", "random", "--dataset", "steam", *several)
    (row,) = workspace.rows()
    assert (row["ties"], row["seeds"], row["runs"]) == ([0, 1], [0, 1], 4)
    assert row["spread"]["ndcg@20"] > 0
    figures = [json.loads(path.read_text())["metrics"]["ndcg@20"] for path in workspace.records()]
    assert row["metrics"]["ndcg@20"] == pytest.approx(sum(figures) / 4)
