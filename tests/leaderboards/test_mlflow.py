"""Records as runs of a real MLflow server on this machine."""

from __future__ import annotations

import importlib.util
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from benchkit.api import export
from benchkit.cli import cli
from benchkit.contracts.errors import BenchkitError, UnavailableError
from benchkit.contracts.recommender import Recommendations
from benchkit.leaderboards import store
from benchkit.leaderboards.files import write_leaderboard
from tests.leaderboards.samples import keep, record

SERVES = all(importlib.util.find_spec(name) for name in ("mlflow", "flask", "sqlalchemy"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if not SERVES:
        pytest.skip("no MLflow server is installed (pip install mlflow)")
    home = tmp_path_factory.mktemp("mlflow")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{home / 'runs.db'}"]
    command += ["--artifacts-destination", str(home / "artifacts")]
    environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"}
    with (home / "log").open("w") as log:
        process = subprocess.Popen(
            command, env=environment, cwd=home, stdout=log, stderr=log, start_new_session=True
        )
    try:
        for _ in range(1800):
            assert process.poll() is None, (home / "log").read_text()
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, 15)
        process.wait()


def board(out: Path) -> Path:
    """Write a record with lists, and one without."""
    lists = Recommendations.empty(1, 20)
    one = np.zeros(1, dtype=np.int32)
    metrics = {"ndcg@20": 0.5, "hr@10": 0.25}
    with_lists = record("sknn", metrics, overrides={"k": 7}, diagnostics={"answers": 2.0})
    store.write(out, with_lists, lists, one, one, {"ndcg@20": np.zeros(1)})
    below = {"embedder:lsa": {"config": {"dims": 64}}, "file:weights": "00"}
    keep(out, [record("v-sknn", 0.75, config={f"p{n}": n for n in range(150)}, builds_on=below)])
    write_leaderboard(out, "beauty")
    return out


def runs_of(uri: str, experiment: str) -> dict[str, Any]:
    from mlflow import MlflowClient

    client = MlflowClient(uri)
    place = client.get_experiment_by_name(experiment)
    runs = client.search_runs([place.experiment_id])
    return {run.info.run_name.partition(" ")[0]: run for run in runs}


def test_each_record_is_a_run(server: str, tmp_path: Path, capsys: Any) -> None:
    from mlflow import MlflowClient

    out, about = board(tmp_path), {"tracking_uri": server, "experiment": "each"}
    done = export("beauty", out=out, **about)
    assert (done.new, done.replaced, done.kept) == (2, 0, 0)
    assert capsys.readouterr().out == ""
    runs = runs_of(server, "each")
    run, other = runs["sknn"], runs["v-sknn"]
    assert run.data.metrics["ndcg_at_20"] == 0.5
    assert run.data.metrics["diagnostics.answers"] == 2.0
    assert (run.data.params["config.k"], run.data.params["seed"]) == ("7", "0")
    assert run.data.tags["mlflow.source.git.commit"] == "c0ffee"
    assert (run.info.status, run.info.end_time - run.info.start_time) == ("FINISHED", 3000)
    assert other.data.params["embedder:lsa.dims"] == "64"
    assert other.data.params["config.p149"] == "149"
    client = MlflowClient(server)

    def artifacts(of: Any) -> list[str]:
        return [part.path for part in client.list_artifacts(of.info.run_id)]

    assert (artifacts(run), artifacts(other)) == (["lists.parquet", "record.json"], ["record.json"])
    lists = client.download_artifacts(run.info.run_id, "lists.parquet", str(tmp_path))
    (kept,) = out.glob("records/beauty/sknn-*/lists.parquet")
    assert Path(lists).read_bytes() == kept.read_bytes()
    again = export("beauty", out=out, **about)
    assert (again.new, again.replaced, again.kept) == (0, 0, 2)
    client.delete_tag(run.info.run_id, "benchkit.content")  # as an interruption leaves it
    mended = export("beauty", out=out, **about)
    assert (mended.replaced, mended.kept, len(runs_of(server, "each"))) == (1, 1, 2)
    path = kept.with_name("record.json")
    measured = store.read(path)
    store.rewrite(kept.parent, replace(measured, metrics={**measured.metrics, "ndcg@20": 0.25}))
    export("beauty", out=out, **about)
    runs = runs_of(server, "each")
    assert (len(runs), runs["sknn"].data.metrics["ndcg_at_20"]) == (2, 0.25)


def test_what_the_server_refuses_is_one_sentence(server: str, tmp_path: Path) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(server)
    client.delete_experiment(client.create_experiment("gone"))
    with pytest.raises(BenchkitError, match=r"cannot export to MLflow: .*state is deleted"):
        export("beauty", out=board(tmp_path), tracking_uri=server, experiment="gone")


def test_a_server_that_is_not_there_is_one_sentence_without_its_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("mlflow", reason="the extra mlflow is not installed")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(BenchkitError, match="cannot export to MLflow: ") as caught:
        export("beauty", out=board(tmp_path), tracking_uri="http://ann:secret@127.0.0.1:9")
    assert "secret" not in str(caught.value)


def test_without_mlflow_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(UnavailableError, match=r"seqrec-benchkit\[mlflow\]"):
        export("beauty", out=board(tmp_path))
    with pytest.raises(BenchkitError, match="no records of steam"):
        export("steam", out=tmp_path)
    missing = CliRunner().invoke(cli, ["export", "beauty", "--to", "wandb"])
    assert missing.exit_code == 2
