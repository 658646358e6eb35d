"""The API, as scripts and notebooks call it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import benchkit
from benchkit.cli import cli
from benchkit.contracts.errors import PluginError
from benchkit.toolkit.workspace import HOME
from tests.run.test_readme import python_in_readme

# Without `if __name__ == "__main__"`: children do not run the script again.
_SCRIPT = (
    python_in_readme("open_dataset")
    + """
print(len(results.records), results.records[0].experiment)
"""
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, sample: Path) -> Path:
    folder = tmp_path_factory.mktemp("home")
    shutil.copytree(sample, folder / "datasets")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(HOME, str(folder))
        script = folder / "script.py"
        script.write_text(_SCRIPT)
        command = [sys.executable, str(script)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert not done.stderr
    assert done.stdout.startswith("2 {'dataset': 'steam', 'recommenders': ['v-sknn', 'sknn']")
    return folder


@pytest.fixture(autouse=True)
def _at_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOME, str(home))


def test_a_leaderboard_in_all_its_shapes() -> None:
    shown = benchkit.leaderboard("steam-sample")
    frame = shown.to_polars()
    assert frame["recommender"].to_list() == ["v-sknn", "sknn"]
    assert frame["ndcg@20"][0] == shown.rows[0].metrics["ndcg@20"]
    assert len(shown.records_of(shown.rows[0].label)) == 1
    assert shown._repr_markdown_().count("| ")
    assert shown.to_latex().count("booktabs") == 1
    assert "v-sknn" in shown.to_csv()
    assert '"v-sknn"' in shown.to_json()
    assert max(map(len, str(shown).splitlines())) <= 80


def test_two_rows_are_compared_in_groups_too() -> None:
    board = benchkit.leaderboard("steam-sample")
    found = board.compare("v-sknn", "sknn", metrics=["hr@10"])
    (part,) = found.differences
    assert part.metric == "hr@10"
    assert part.won + part.tied + part.lost == board.rows[0].prompts[0]
    assert part.first == pytest.approx(board.rows[0].metrics["hr@10"])
    assert not found.no_groups, "the data are here"
    command = ["compare", "steam-sample", "v-sknn", "sknn"]
    shown = CliRunner().invoke(cli, command)
    assert shown.exit_code == 0
    assert "steam-sample, paper protocol: v-sknn against sknn" in shown.stdout
    pairs = CliRunner().invoke(cli, ["compare", "steam-sample", "--pairs", "v-sknn:sknn"])
    assert "v-sknn over sknn, steam-sample" in pairs.stdout
    for words, problem in (
        (["steam-sample", "v-sknn"], "name two rows, FIRST and SECOND"),
        (["steam-sample", "a", "b", "--pairs", "a:b"], "not both"),
        (["steam-sample", "--pairs", "v-sknn"], "--pairs takes A:B"),
        (["steam", "v-sknn", "sknn"], "did you mean steam-sample"),
    ):
        refused = CliRunner().invoke(cli, ["compare", *words])
        assert isinstance(refused.exception, benchkit.BenchkitError)
        assert problem in str(refused.exception)


def test_one_recommender_by_hand_has_the_figures_of_the_run() -> None:
    data = benchkit.open_dataset("steam")
    split = data.split()
    model = benchkit.recommender("v-sknn", dataset="steam", preset="sample")
    model.fit(split.train, data.bench(split))
    figures = data.measure(model.recommend(split.test.prompts, 20), split)
    (row, _) = benchkit.leaderboard("steam-sample").rows
    assert figures["ndcg@20"] == row.metrics["ndcg@20"]


def test_a_kept_run_is_not_repeated_and_tells_its_lines() -> None:
    lines: list[str] = []
    results = benchkit.run("steam", recommenders="v-sknn", trials=0, progress=lines.append)
    assert results.leaderboard is not None
    assert any("kept from an earlier run" in line for line in lines)


def test_what_is_wrong_is_an_exception() -> None:
    with pytest.raises(PluginError, match=r"did you mean .*sknn"):
        benchkit.run("steam", recommenders=["snn"])
    with pytest.raises(TypeError, match="an Experiment is whole"):
        benchkit.run(benchkit.Experiment(dataset="steam"), seeds=1)


def test_the_command_line_saves_an_experiment_and_runs_it(tmp_path: Path) -> None:
    file = tmp_path / "study.toml"
    command = ["run", "-r", "v-sknn", "--dataset", "steam", "--trials", "0"]
    CliRunner().invoke(cli, [*command, "--save", str(file), "--dry-run"], catch_exceptions=False)
    assert file.read_text() == ('dataset = "steam"\nrecommenders = ["v-sknn"]\ntrials = 0\n')
    done = CliRunner().invoke(cli, ["run", str(file), "--dry-run"], catch_exceptions=False)
    assert "finished  v-sknn  ties 0  seed 0" in done.stdout
    done = CliRunner().invoke(cli, ["run", str(file), "--seed", "2", "--dry-run"])
    assert "to run    v-sknn  ties 0  seed 2" in done.stdout
