"""Where studies are kept: no file of anything else is touched, and no mistake makes a new one."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchkit.cli.study import study
from benchkit.errors import BenchkitError, StorageError
from benchkit.tuning.storage import journal, open_storage
from tests.tuning.searching import conduct, search_in


@pytest.mark.parametrize("content", ["one line", "two\nlines\n", "{", '{\n "op_code": 1}', "\n"])
def test_a_file_of_something_else_stays_as_it_is(tmp_path: Path, content: str) -> None:
    path = tmp_path / "notes.txt"
    path.write_text(content + " and more")
    with pytest.raises(StorageError, match=r"notes\.txt is no journal of studies and stays"):
        open_storage(str(path)).create_new_study([])
    assert path.read_text() == content + " and more"


def test_a_file_of_sqlite_is_told_by_its_url(tmp_path: Path) -> None:
    path = tmp_path / "studies.db"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE mine (name)")
    before = path.read_bytes()
    with pytest.raises(StorageError, match=f"--storage sqlite:///{path}$"):
        open_storage(str(path))
    assert path.read_bytes() == before


@pytest.mark.parametrize("start", ["", '{"op', '{"op_code":0,"worker_id":"a'])
def test_a_journal_whose_first_line_was_cut_off_is_one(tmp_path: Path, start: str) -> None:
    path = Path(journal(tmp_path, "made"))
    path.parent.mkdir()
    path.write_text(start)
    ledger, _ = conduct(search_in(tmp_path, trials=2))
    assert ledger.size == 2
    assert len(open_storage(str(path)).get_all_studies()) == 1


def test_a_damaged_journal_is_one_sentence_and_stays(tmp_path: Path) -> None:
    path = Path(journal(tmp_path, "made"))
    conduct(search_in(tmp_path, trials=2))
    damaged = path.read_bytes() + b"not a line\n{}\n"
    path.write_bytes(damaged)
    with pytest.raises(StorageError, match=r"cannot read .*; --storage names another file$"):
        open_storage(str(path))
    assert path.read_bytes() == damaged


@pytest.mark.parametrize("scheme", ["", "sqlite:///"])
def test_looking_for_a_study_makes_no_file(tmp_path: Path, scheme: str) -> None:
    path = tmp_path / "typo.journal"
    assert f"no studies in {path}: there is no such file" in _error("made", f"{scheme}{path}")
    assert not list(tmp_path.iterdir())


def test_a_dataset_without_studies_is_told_which_have_some(tmp_path: Path) -> None:
    conduct(search_in(tmp_path, trials=1))
    storage = journal(tmp_path, "made")
    assert "no studies of 'steam' in" in _error("steam", storage)
    assert "there are some of made;" in _error("steam", storage)
    assert "unknown recommender 'v-sknn'; did you mean sknn?" in _error("made", storage, "v-sknn")


def _error(dataset: str, storage: str, recommender: str = "sknn") -> str:
    done = CliRunner().invoke(study, [dataset, recommender, "--storage", storage])
    assert isinstance(done.exception, BenchkitError), done.output
    return str(done.exception)
