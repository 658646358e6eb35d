"""The files of a leaderboard: whole, complete, and true to every record that can be read."""

from __future__ import annotations

import json
import multiprocessing
import os
from pathlib import Path

import pytest

from benchkit.contracts.errors import StorageError
from benchkit.leaderboards.files import touch, write_leaderboard
from tests.leaderboards.samples import failure, full, keep, keep_whole, now, record
from tests.workspace import board


def rows(out: Path) -> list[str]:
    return [row.recommender for row in board(out)[0].rows]


def test_records_and_tables_are_written(tmp_path: Path) -> None:
    keep(tmp_path, [record("worse", full(0.9)), record("better", full(1.1))])
    assert write_leaderboard(tmp_path, "beauty") == []
    assert rows(tmp_path) == ["better", "worse"]
    worse, better = (tmp_path / "beauty.jsonl").read_text().splitlines()
    assert json.loads(worse)["identity"]["recommender"]["name"] == "worse", "the oldest comes first"
    assert json.loads(better)["environment"] == {"commit": "c0ffee"}
    page = (tmp_path / "beauty.md").read_text()
    assert page.index("| better") < page.index("| worse")
    assert "**Top@10**" in page


def test_other_tables_follow_the_newest(tmp_path: Path) -> None:
    keep(tmp_path, [record("a", 0.5), record("b", 0.25, protocol="strict")])
    write_leaderboard(tmp_path, "beauty")
    assert [table.protocol["name"] for table in board(tmp_path)] == ["strict", "paper"]
    page = (tmp_path / "beauty.md").read_text()
    assert page.index("## Strict protocol") < page.index("## Paper protocol")


def test_what_is_asked_for_again_counts_as_newest(tmp_path: Path) -> None:
    first = record("a", 0.1)
    newer = [record("b"), record("a", 0.2, version="2"), record("a", data="e" * 16)]
    keep(tmp_path, [first, *newer, failure("a", version="3")])
    touch(tmp_path, [first], {first.identity.key}, now())
    write_leaderboard(tmp_path, "beauty")
    table = board(tmp_path)[0]
    assert table.data["fingerprint"] == first.identity.dataset["fingerprint"]
    versions = {row.label: row.newest.identity.recommender["version"] for row in table.rows}
    assert versions == {"a": "0.1.0", "b": "0.1.0"}
    assert "Not in the table" not in (tmp_path / "beauty.md").read_text()


def test_what_is_the_newest_stays_as_it_is(tmp_path: Path) -> None:
    old, kept = record("a", 0.2, version="2"), [record("a", 0.1), record("b")]
    lost = failure("c")
    keep(tmp_path, [old, *kept])
    keep(tmp_path, [lost])
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.json")}
    asked = {lost.identity.key, *(each.identity.key for each in kept)}
    touch(tmp_path, kept, asked, now())
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*.json")}


def test_a_damaged_record_is_reported_and_hides_no_other(tmp_path: Path) -> None:
    keep(tmp_path, [record("a"), failure("b")])
    folder = tmp_path / "records" / "beauty"
    damage = {
        "torn-1/record.json": '{"format": 1, "ident',
        "list-2/record.json": "[]",
        "other-3/record.json": record("c").to_json().replace('"format": 1', '"format": 9'),
        "odd-4/record.json": record("d", {"ndcg@20": "high"}).to_json(),  # type: ignore[dict-item]
        "bare-5/record.json": record("e").to_json().replace('"rules"', '"sluer"'),
        "astray-6/record.json": record("f", dataset="steam").to_json(),
        "x-7.failed.json": "{}",
    }
    for name, content in damage.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(content)
    warnings = write_leaderboard(tmp_path, "beauty")
    assert rows(tmp_path) == ["a"]
    assert len(warnings) == len(damage)
    for name in damage:
        assert any(name in warning for warning in warnings)


def test_what_is_not_finished_is_no_record(tmp_path: Path) -> None:
    run = record("a")
    folder = keep_whole(tmp_path, run)
    (folder.parent / ".b-1-0f.tmp").mkdir()
    (folder.parent / ".b-1-0f.tmp" / "record.json").write_text("{")
    (folder.parent / "c-2").mkdir()  # removed by hand, or on its way
    assert write_leaderboard(tmp_path, "beauty") == []
    assert rows(tmp_path) == ["a"]


def test_nothing_is_written_of_nothing(tmp_path: Path) -> None:
    assert write_leaderboard(tmp_path / "new", "beauty") == []
    assert not (tmp_path / "new" / "beauty.jsonl").exists()


def test_failures_alone_make_a_page(tmp_path: Path) -> None:
    keep(tmp_path, [failure("a", "no key | <b>")])
    write_leaderboard(tmp_path, "beauty")
    assert "- a: no key \\| &lt;b&gt;" in (tmp_path / "beauty.md").read_text()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_one_sentence(tmp_path: Path) -> None:
    keep(tmp_path, [record("a")])
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(StorageError, match="permission is denied"):
            write_leaderboard(tmp_path, "beauty")
    finally:
        tmp_path.chmod(0o755)


def test_a_file_in_the_place_of_the_folder_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(StorageError, match="cannot write"):
        write_leaderboard(tmp_path / "out", "beauty")


def _writer(out: Path, name: str, number: int) -> None:
    for ties in range(number):
        keep(out, [record(name, {"ndcg@20": 0.5}, ties=ties)])
        write_leaderboard(out, "beauty")


def test_two_runs_at_once_lose_nothing(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [
        context.Process(target=_writer, args=(tmp_path, name, 5)) for name in ("left", "right")
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0]
    runs = {row.recommender: len(row.runs) for row in board(tmp_path)[0].rows}
    assert runs == {"left": 5, "right": 5}
    visible = {path.name for path in tmp_path.iterdir() if not path.name.startswith(".")}
    assert visible == {"records", "beauty.jsonl", "beauty.md"}
