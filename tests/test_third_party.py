"""A stranger's distribution, really installed, takes part; broken ones stop nobody."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

from benchkit import DISTRIBUTION
from benchkit.testing import RecommenderConformance
from tests.strangers import RECOMMENDER, install
from tests.testing.trials import checks, try_check

EXAMPLE = Path(__file__).parent / "third_party" / "example_recommender"
BODY = RECOMMENDER.format(name="useless")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which pip has built and installed the example, without any network."""
    target = tmp_path_factory.mktemp("site")
    offline = ["--no-index", "--no-deps", "--no-build-isolation", "--disable-pip-version-check"]
    subprocess.run(
        [sys.executable, "-m", "pip", "install", *offline, "--target", str(target), str(EXAMPLE)],
        check=True,
        capture_output=True,
    )
    return target


def benchkit(site: Path, *args: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command line in a fresh process that also finds what `site` holds."""
    path = os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH")]))
    return subprocess.run(
        [sys.executable, "-m", "benchkit", *args],
        env={**os.environ, "PYTHONPATH": path, "COLUMNS": "80"},
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )


def listed(site: Path) -> dict[str, str]:
    """Return the recommenders' names and distributions as `benchkit list` gives them."""
    done = benchkit(site, "list", "recommenders", "--format", "json")
    assert done.returncode == 0, done.stderr
    return {row["name"]: row["distribution"] for row in json.loads(done.stdout)}


def test_it_is_listed_with_its_distribution(site: Path) -> None:
    assert listed(site)["latest-successor"] == "benchkit-example-recommender"
    shown = benchkit(site, "show", "latest-successor")
    assert "from: benchkit-example-recommender 1.2.3" in shown.stdout
    assert shown.stderr == ""


def test_it_runs_into_the_leaderboard(site: Path, tmp_path: Path) -> None:
    run = benchkit(site, "run", "-r", "latest-successor", "--dataset", "steam", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    table = benchkit(site, "leaderboard", "steam-sample", "--format", "json", cwd=tmp_path)
    assert table.returncode == 0, table.stderr
    (row,) = json.loads(table.stdout)["rows"]
    assert row["recommender"] == "latest-successor"
    assert 0 < row["metrics"]["ndcg@20"] < 1


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The example's module, which is not on the path: as `--import-mode=importlib` has it."""
    name = "benchkit_example_recommender"
    spec = spec_from_file_location(name, EXAMPLE / "src" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("check", checks(RecommenderConformance))
def test_it_passes_the_conformance_kit(check: str, example: ModuleType) -> None:
    try:
        try_check(RecommenderConformance, example.LatestSuccessor, check)
    except pytest.skip.Exception:
        assert check == "test_excludes_seen_items"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import nowhere_to_be_found", "No module named"),
        (BODY.replace("def benchkit_recommenders", "def benchkit_recomenders"), "unknown hook"),
        (BODY.replace("return [Stranger]", "return 'garbage'"), "must return a list"),
        ("raise SystemExit(3)", "SystemExit: 3"),
    ],
)
def test_a_broken_one_is_named_and_left_out(tmp_path: Path, source: str, reason: str) -> None:
    alone = listed(tmp_path)
    install(tmp_path, "careless-plugin", source, version="0.0.1")
    done = benchkit(tmp_path, "list")
    assert done.returncode == 0
    (warning,) = done.stderr.splitlines()
    assert "careless-plugin 0.0.1" in warning
    assert reason in warning
    assert "Traceback" not in done.stdout + done.stderr
    assert listed(tmp_path) == alone


def test_a_name_of_benchkits_own_stays_its_own(tmp_path: Path) -> None:
    own = listed(tmp_path)
    name = sorted(own)[0]
    install(tmp_path, "aaa-thief", RECOMMENDER.format(name=name))
    done = benchkit(tmp_path, "list")
    assert f"{name!r} is provided by both {DISTRIBUTION}" in done.stderr
    assert "that of aaa-thief is left out" in done.stderr
    assert listed(tmp_path) == own


def test_a_name_that_two_strangers_claim_is_refused(tmp_path: Path) -> None:
    for distribution in ("first-claim", "second-claim"):
        install(tmp_path, distribution, RECOMMENDER.format(name="contested"))
    assert "contested" not in listed(tmp_path)
    for command in (("show", "contested"), ("run", "-r", "contested", "--dataset", "steam")):
        done = benchkit(tmp_path, *command, cwd=tmp_path)
        assert done.returncode == 2
        assert "both first-claim 1.0 and second-claim 1.0" in done.stderr.splitlines()[-1]
        assert "Traceback" not in done.stderr


def test_one_that_recommends_garbage_fails_alone(tmp_path: Path) -> None:
    garbage = RECOMMENDER.format(name="garbage").replace(
        "return Recommendations.empty(len(prompts), k)", "return [['garbage']]"
    )
    install(tmp_path, "careless-plugin", garbage)
    install(tmp_path, "modest-plugin", RECOMMENDER.format(name="modest"))
    run = benchkit(
        tmp_path, "run", "-r", "garbage", "-r", "modest", "--dataset", "steam", cwd=tmp_path
    )
    assert run.returncode == 1
    assert "garbage" in run.stdout + run.stderr
    assert "Traceback" not in run.stdout + run.stderr
    table = benchkit(tmp_path, "leaderboard", "steam-sample", "--format", "json", cwd=tmp_path)
    assert [row["recommender"] for row in json.loads(table.stdout)["rows"]] == ["modest"]
