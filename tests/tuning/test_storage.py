"""Where studies are kept: no file of anything else is touched, and no mistake makes a new one."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import optuna
import pytest
from click.testing import CliRunner

from benchkit.cli.study import study
from benchkit.contracts.errors import BenchkitError, StorageError
from benchkit.tuning.join import stored_searches
from benchkit.tuning.storage import journal, open_storage
from tests.tuning.searching import conduct, search_in


@pytest.mark.parametrize("content", ["one line", "two\nlines\n", "{", '{\n "op_code": 1}', "\n"])
def test_a_file_of_something_else_stays_as_it_is(tmp_path: Path, content: str) -> None:
    path = tmp_path / "notes.txt"
    path.write_text(content + " and more")
    with pytest.raises(StorageError, match=r"notes\.txt is not a journal of studies and is left"):
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


Trials = dict[str, list[tuple[Mapping[str, Any], float | None]]]


def trials_in(path: Path) -> Trials:
    """Return the parameters and values of all trials but lost ones, by recommender."""
    storage = open_storage(str(path))
    return {
        study.study_name.rpartition("-")[0]: [
            (trial.params, trial.value)
            for trial in storage.get_all_trials(study._study_id)
            if trial.state.name == "COMPLETE"
        ]
        for study in storage.get_all_studies()
    }


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Trials]:
    """A folder with studies of two recommenders, and their trials."""
    folder = tmp_path_factory.mktemp("whole")
    searches = [search_in(folder, name, trials=3) for name in ("sknn", "v-sknn")]
    studies = [search.study() for search in searches]
    for search in searches:
        conduct(search)
    assert len(studies) == 2
    return folder, trials_in(Path(journal(folder, "made")))


def cut(line: bytes) -> bytes:
    return line[:30]


def garbage(line: bytes) -> bytes:
    return b"\0" * len(line)


def of_another_version(line: bytes) -> bytes:
    return line.replace(b'"op_code":', b'"op_code":9')


def test_a_damaged_line_costs_one_trial_at_most(
    tmp_path: Path,
    whole: tuple[Path, Trials],
    caplog: pytest.LogCaptureFixture,
) -> None:
    folder, before = whole
    lines = Path(journal(folder, "made")).read_bytes().splitlines()
    path = tmp_path / "made.journal"
    for place in range(1, len(lines)):
        damage = (cut, garbage, of_another_version)[place % 3]
        content = b"\n".join([*lines[:place], damage(lines[place]), *lines[place + 1 :]]) + b"\n"
        path.write_bytes(content)
        after = trials_in(path)
        assert "was damaged in 1 of" in caplog.messages[-1]
        (aside,) = tmp_path.glob("made.journal.damaged")
        assert aside.read_bytes() == content
        aside.unlink()
        # Every trial that is left is one of those that there were, as it was.
        for name, trials in after.items():
            kept = iter(before[name])
            assert all(trial in kept for trial in trials)
        assert after.keys() == before.keys()
        assert sum(len(before[name]) - len(after[name]) for name in before) in (0, 1)


def test_a_search_goes_on_with_what_a_damaged_journal_keeps(
    tmp_path: Path, whole: tuple[Path, Trials]
) -> None:
    path = Path(journal(tmp_path, "made"))
    path.parent.mkdir()
    content = Path(journal(whole[0], "made")).read_text()
    path.write_text(re.sub(r'(\\"name\\": \\")Int', r"\1IntUniform", content, count=4))
    ledger, _ = conduct(search_in(tmp_path, trials=4))
    assert (ledger.counts["done"], ledger.counted) == (4, 4)
    assert ledger.counts["lost"] > 0
    search = search_in(tmp_path)
    finished = [trial for trial in search.study().trials if trial.state.name == "COMPLETE"]
    assert [search.values(trial) for trial in finished].count(search.space.base) == 1


@pytest.mark.parametrize("about", ["text", {"recommender": "sknn"}, {"dataset": {"name": "made"}}])
def test_a_study_of_another_version_is_one_sentence(tmp_path: Path, about: Any) -> None:
    path = Path(journal(tmp_path, "made"))
    path.parent.mkdir()
    study = optuna.create_study(study_name="sknn-1", storage=open_storage(str(path)))
    study.set_user_attr("about", about)
    assert "but for 1 of another version of benchkit" in _error("made", str(path))
    assert stored_searches(str(path), "made") == []


def test_a_journal_that_is_a_folder_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="a folder has that name"):
        open_storage(str(tmp_path))


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
