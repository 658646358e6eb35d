"""Records: whole or not at all, and read back as they were written."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import signal
import time
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from benchkit.contracts.recommender import Recommendations
from benchkit.leaderboards import store
from benchkit.leaderboards.files import Collected, collect
from benchkit.leaderboards.record import Failure, Identity, NewerRecordError, Record
from benchkit.leaderboards.store import DamagedRecordError

IDENTITY = Identity(
    dataset={
        "name": "made",
        "family": "made",
        "synthetic": True,
        "config": {},
        "fingerprint": "f" * 64,
    },
    protocol={"name": "paper", "ties": 0, "test_share": 0.2, "fingerprint": "p", "rules": "r"},
    recommender={"name": "sknn", "distribution": "seqrec-benchkit", "version": "1", "source": "s"},
    config={"k": 100},
    seed=0,
    depth=3,
)
RECORD = Record(
    identity=IDENTITY,
    preset="paper",
    overrides={},
    metrics={"ndcg@3": 0.1234567890123456},
    failed_metrics={"gini@3": "no reason"},
    prompts=2,
    seconds={"fit": 0.5, "recommend": 0.25},
    peak_memory=1 << 20,
    split={"prompts": 2},
    environment={"python": "3"},
    created="2026-01-01T00:00:00.000+00:00",
)
LISTS = Recommendations(
    np.array([[4, 2, -1], [1, 0, 3]], dtype=np.int32),
    np.array([[0.5, 0.25, -np.inf], [3, 2, 1]], dtype=np.float32),
)
SESSIONS, TRUTH = np.array([7, 9], dtype=np.int32), np.array([2, 8], dtype=np.int32)
VALUES = {"ndcg@3": np.array([0.1, 0.2])}


def write(out: Path, record: Record = RECORD) -> Path:
    return store.write(out, record, LISTS, SESSIONS, TRUTH, VALUES)


def found(out: Path) -> Record:
    record = store.find(out, IDENTITY)
    assert record is not None
    return record


def test_what_is_written_is_read(tmp_path: Path) -> None:
    folder = write(tmp_path)
    kept = found(tmp_path)
    assert replace(kept, lists="") == RECORD
    lists, sessions, truth = store.read_lists(folder, kept)
    np.testing.assert_array_equal(lists.items, LISTS.items)
    np.testing.assert_array_equal(lists.scores, LISTS.scores)
    assert (list(sessions), list(truth)) == ([7, 9], [2, 8])
    assert sorted(path.name for path in folder.iterdir()) == [
        "lists.parquet",
        "record.json",
        "values.parquet",
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"depth": 4},
        {"config": {"k": 101}},
        {"protocol": {**IDENTITY.protocol, "ties": 1}},
        {"dataset": {**IDENTITY.dataset, "fingerprint": "0"}},
        {"recommender": {**IDENTITY.recommender, "source": "edited"}},
    ],
)
def test_another_identity_is_another_record(tmp_path: Path, change: dict[str, object]) -> None:
    write(tmp_path)
    assert store.find(tmp_path, replace(IDENTITY, **change)) is None  # type: ignore[arg-type]


def test_a_success_removes_the_failure_before_it(tmp_path: Path) -> None:
    failure = Failure(IDENTITY, "paper", {}, "ValueError: no", "Traceback", "2026")
    store.write_failure(tmp_path, failure)
    assert collect(tmp_path, "made").failures == [failure]
    write(tmp_path)
    assert collect(tmp_path, "made").failures == []


def test_metrics_are_replaced_and_lists_stay(tmp_path: Path) -> None:
    folder = write(tmp_path)
    lists = (folder / "lists.parquet").read_bytes()
    renewed = replace(RECORD, metrics={"hr@3": 0.5}, failed_metrics={})
    store.rewrite_metrics(folder, renewed, {"hr@3": np.array([0.0, 1.0])})
    assert found(tmp_path) == renewed
    assert (folder / "lists.parquet").read_bytes() == lists


CUT = RECORD.to_json()[:200]
ODD = [
    '{"format": 1}',
    '{"format": "new"}',
    RECORD.to_json().replace('"ndcg@3": 0.12', '"ndcg@3": 7.12'),
    RECORD.to_json().replace('"seed": 0', '"seed": 1'),
    RECORD.to_json().replace('"split": {', '"split": 3, "tilps": {'),
    RECORD.to_json().replace('"ndcg@3": 0.12', '"ndcg@3": NaN, "hr@3": 0.12'),
    RECORD.to_json().replace('"code": "', '"code": 3, "edoc": "'),
    RECORD.to_json().replace('"search": {', '"search": {"trials": 3'),
    RECORD.to_json().replace('"rules": "r"', '"rules": 7'),
    RECORD.to_json().replace('"ties": 0', '"ties": "x"'),
]


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "[" * 99_999, CUT, *ODD])
def test_a_damaged_record_is_named_and_put_aside(tmp_path: Path, text: str) -> None:
    folder = write(tmp_path)
    (folder / "record.json").write_text(text)
    (warning,) = collect(tmp_path, "made").warnings
    assert f"the record {folder / 'record.json'} (" in warning
    assert warning.endswith("; `benchkit run` makes it again")
    with pytest.raises(DamagedRecordError) as caught:
        store.find(tmp_path, IDENTITY)
    assert f"what is left of it is in {folder}.damaged" in store.set_aside(caught.value)
    assert store.find(tmp_path, IDENTITY) is None
    assert collect(tmp_path, "made") == Collected()
    assert (tmp_path / f"{folder}.damaged" / "record.json").read_text() == text


def test_what_a_later_version_wrote_is_told_and_stays(tmp_path: Path) -> None:
    path = write(tmp_path) / "record.json"
    for change in ({"format": 2}, {"identity": {**asdict(IDENTITY), "new": 1}}):
        path.write_text(json.dumps({**json.loads(RECORD.to_json()), **change}))
        with pytest.raises(NewerRecordError, match="a later version of benchkit has written it"):
            store.find(tmp_path, IDENTITY)
    path.write_text(json.dumps({**json.loads(RECORD.to_json()), "new": [1]}))
    assert found(tmp_path) == replace(RECORD, later={"new": [1]})
    store.rewrite(path.parent, replace(found(tmp_path), asked="2027"))
    assert (found(tmp_path).asked, json.loads(path.read_text())["new"]) == ("2027", [1])


def test_lists_of_another_record_are_refused(tmp_path: Path) -> None:
    """Those of records of earlier versions, which have no digest, where they cannot be read."""
    folder = write(tmp_path)
    kept, path = found(tmp_path), folder / "lists.parquet"
    whole = path.read_bytes()
    LISTS.scores[1, 0] += 1
    other = write(tmp_path / "other") / "lists.parquet"
    for content, old in (
        (other.read_bytes(), False),
        (whole[:-1], True),
        (b"PAR1 but not really, PAR1", True),
        (b"", True),
    ):
        path.write_bytes(content)
        with pytest.raises(DamagedRecordError, match=r"the lists .* makes it again"):
            store.read_lists(folder, replace(kept, lists="") if old else kept)
    path.unlink()
    with pytest.raises(DamagedRecordError, match=r"no such file or directory"):
        store.check_lists(folder, kept)


def test_a_record_holds_no_path_and_is_plain_json(tmp_path: Path) -> None:
    text = (write(tmp_path) / "record.json").read_text()
    assert str(tmp_path) not in text
    assert json.loads(text)["metrics"]["ndcg@3"] == 0.1234567890123456


def _write_for_ever(out: Path) -> None:
    seed = 0
    while True:
        seed += 1
        write(out, replace(RECORD, identity=replace(IDENTITY, seed=seed)))


def test_kill_9_while_writing_leaves_only_whole_records(tmp_path: Path) -> None:
    process = multiprocessing.get_context("spawn").Process(target=_write_for_ever, args=(tmp_path,))
    process.start()
    deadline = time.monotonic() + 30
    while len(list(tmp_path.glob("records/made/sknn-*"))) < 20:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    found = collect(tmp_path, "made")
    for record in found.records:
        store.read_lists(record.identity.folder(tmp_path), record)
    assert (len(found.records) >= 20, found.warnings) == (True, [])


def test_records_of_before_there_were_searches_read_and_keep_their_keys(tmp_path: Path) -> None:
    content = json.loads(RECORD.to_json())
    del content["search"], content["identity"]["search"], content["code"]
    old = Record.from_json(json.dumps(content))
    assert (old, old.search, old.identity.search) == (RECORD, {}, "")
    plain = json.dumps(content["identity"], sort_keys=True).encode()
    assert old.identity.key == hashlib.sha256(plain).hexdigest()[:16]
    assert replace(IDENTITY, search="a study").key != IDENTITY.key
