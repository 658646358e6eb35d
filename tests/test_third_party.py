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
from benchkit.components.registry import registry
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


def benchkit(*sites: Path, args: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a command line in a fresh process that also finds what the sites hold."""
    path = os.pathsep.join(filter(None, [*map(str, sites), os.environ.get("PYTHONPATH")]))
    return subprocess.run(
        [sys.executable, "-m", "benchkit", *args.split()],
        env={**os.environ, "PYTHONPATH": path, "COLUMNS": "80"},
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_runs_into_the_leaderboard_and_garbage_fails_alone(site: Path, tmp_path: Path) -> None:
    shown = benchkit(site, args="show latest-successor", cwd=tmp_path)
    assert "from: benchkit-example-recommender 1.2.3" in shown.stdout
    assert shown.stderr == ""
    garbage = RECOMMENDER.format(name="garbage").replace(
        "return Recommendations.empty(len(prompts), k)", "return [['garbage']]"
    )
    install(tmp_path, "careless-plugin", garbage)
    options = "-r garbage -r latest-successor --dataset steam --trials 0"
    run = benchkit(site, tmp_path, args=f"run {options}", cwd=tmp_path)
    assert run.returncode == 1
    assert "garbage" in run.stdout + run.stderr
    assert "Traceback" not in run.stdout + run.stderr
    table = benchkit(site, args="leaderboard steam-sample --format json", cwd=tmp_path)
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


def test_broken_and_contested_ones_are_named_and_left_out(tmp_path: Path) -> None:
    own = sorted(registry().components["recommender"])
    broken = {
        "nowhere": ("import nowhere_to_be_found", "No module named"),
        "misspelt": (
            BODY.replace("def benchkit_recommenders", "def benchkit_recs"),
            "unknown hook",
        ),
        "garbage": (BODY.replace("return [Stranger]", "return 'garbage'"), "must return a list"),
        "leaving": ("raise SystemExit(3)", "SystemExit: 3"),
        "thief": (
            RECOMMENDER.format(name=own[0]),
            f"{own[0]!r} is provided by both {DISTRIBUTION}",
        ),
        "two": (RECOMMENDER.format(name="contested"), "both one 1.0 and two 1.0: neither is used"),
    }
    install(tmp_path, "one", RECOMMENDER.format(name="contested"))
    for distribution, (source, _) in broken.items():
        install(tmp_path, distribution, source)
    done = benchkit(tmp_path, args="list recommenders --format json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = {row["name"]: row["distribution"] for row in json.loads(done.stdout)}
    assert sorted(rows) == own
    assert rows[own[0]] == DISTRIBUTION
    warnings = done.stderr.splitlines()
    assert len(warnings) == len(broken)
    for distribution, (_, reason) in broken.items():
        assert any(f"{distribution} 1.0" in line and reason in line for line in warnings), reason
    shown = benchkit(tmp_path, args="show contested", cwd=tmp_path)
    assert shown.returncode == 2
    assert "both one 1.0 and two 1.0" in shown.stderr.splitlines()[-1]
