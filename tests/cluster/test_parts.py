"""Parts of `--cluster`: what has to agree, what needs a GPU, and how records travel."""

from __future__ import annotations

import sys
from dataclasses import replace
from multiprocessing import Pipe
from pathlib import Path
from typing import Any

import pytest

from benchkit.cluster import placing
from benchkit.cluster.child import do
from benchkit.cluster.job import Data, SearchJob, pack, unpack
from benchkit.cluster.machine import versions
from benchkit.cluster.placing import check_workers, uses_gpu
from benchkit.contracts.errors import UnavailableError
from benchkit.contracts.protocol import Protocol
from benchkit.evaluation.settings import Settings
from benchkit.evaluation.tasks import plan
from benchkit.leaderboards import store
from tests.leaderboards.test_record import IDENTITY, RECORD, write
from tests.making import prepared


class Client:
    """A client whose workers say what they are told to."""

    def __init__(self, **workers: Any) -> None:
        self.workers = workers

    def run(self, _function: Any, on_error: str) -> dict[str, Any]:
        assert on_error == "return"
        return self.workers


def test_workers_that_differ_are_one_sentence() -> None:
    same = {"versions": versions(), "gpus": 0}
    other = {"versions": {**versions(), "benchkit": "0.0.1"}, "gpus": 0}
    for workers, sentence in (
        ({}, "the cluster at tcp://a:1 has no workers; `dask worker tcp://a:1` starts one"),
        ({"a": same, "b": other}, "b has benchkit 0.0.1, here it is"),
        ({"a": ModuleNotFoundError("No module named 'benchkit'")}, "benchkit does not run on a"),
    ):
        with pytest.raises(UnavailableError, match=sentence):
            check_workers(Client(**workers), "tcp://a:1")
    assert not check_workers(Client(a=same), "tcp://a:1")
    assert check_workers(Client(a=same, b={**same, "gpus": 1}), "tcp://a:1")


def test_no_scheduler_and_no_dask_are_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placing, "_PATIENCE", 0.5)
    for address in ("tcp://127.0.0.1:9", "127.0.0.1", "nonsense://a:1"):
        with pytest.raises(UnavailableError, match=f"no Dask scheduler answers at {address} \\("):
            placing.connect(address)
    with pytest.raises(UnavailableError, match=r"b has distributed 1\.0, here it is"):
        placing._check_version("b", "distributed", "1.0")
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UnavailableError, match="--cluster: it needs the extra `cluster`"):
        placing.connect("tcp://127.0.0.1:9")


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("sknn", {}, False),
        ("sasrec", {}, True),
        ("sasrec", {"sasrec": {"device": "cpu"}}, False),
        ("llm-seq-sim-sequential", {}, True),  # it trains another one
        ("llm-seq-sim", {"llm-seq-sim": {"embedder": "lsa"}}, False),
    ],
)
def test_networks_use_a_gpu(
    name: str, values: dict[str, dict[str, str]], expected: bool, tmp_path: Path
) -> None:
    settings = Settings(Protocol(), "default", values, (20,), 0, tmp_path, tmp_path)
    assert uses_gpu(plan(prepared([[0, 1], [1, 2]]), name, settings)) is expected


def test_a_record_travels_with_its_weights(tmp_path: Path) -> None:
    there, here = tmp_path / "there", tmp_path / "here"
    record = replace(RECORD, weights=["sknn-1.safetensors"])
    folder = write(there, record)
    record = store.read(folder / "record.json")
    kept = {path.name: path.read_bytes() for path in folder.iterdir()}
    weights = store.weights_folder(there, "made") / "sknn-1.safetensors"
    weights.parent.mkdir(parents=True)
    weights.write_bytes(b"weights")
    unpack(here, pack(there, record))
    assert not folder.exists()
    assert store.find(here, IDENTITY) == record
    assert {p.name: p.read_bytes() for p in IDENTITY.folder(here).iterdir()} == kept
    assert (store.weights_folder(here, "made") / weights.name).read_bytes() == b"weights"
    assert weights.exists()


def test_a_study_that_a_machine_does_not_reach_is_refused(steam_home: Path) -> None:
    from benchkit.data.open import open_dataset

    data = open_dataset("steam", steam_home, None, {})
    job = SearchJob(
        "sknn-1",
        str(steam_home / "nowhere.journal"),
        1,
        Data("steam", None, data.name, data.config, data.fingerprint),
    )
    reply = do(job, Pipe()[0])
    assert reply.kind == "refused"
    assert "give --storage a database, or a file in a folder that all machines share" in reply.text
    assert "nowhere.journal" not in repr(job)
