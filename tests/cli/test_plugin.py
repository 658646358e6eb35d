"""`benchkit plugin new`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from benchkit import DISTRIBUTION
from benchkit.cli.plugin import plugin
from benchkit.contracts.component import KINDS
from benchkit.contracts.errors import BenchkitError, StorageError

FILES = {
    "README.md",
    "pyproject.toml",
    "src/benchkit_my_model.py",
    "tests/test_benchkit_my_model.py",
}


def new(*args: str) -> Result:
    return CliRunner().invoke(plugin, ["new", *args], catch_exceptions=False)


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_new_projects_pass_their_tests(tmp_path: Path) -> None:
    for kind in KINDS:
        result = new(f"sample-{kind}", "--kind", kind, "--dir", str(tmp_path / kind))
        assert f"is a working {kind} plugin" in result.stdout
        assert 'pythonpath = ["src"]' in (tmp_path / kind / "pyproject.toml").read_text()
    path = " ".join(f"{kind}/src" for kind in KINDS)
    (tmp_path / "pytest.ini").write_text(f"[pytest]\npythonpath = {path}\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "skipped" not in done.stdout


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_is_tidy(tmp_path: Path, kind: str) -> None:
    new("my-model", "--kind", kind, "--dir", str(tmp_path / "project"))
    assert files(tmp_path / "project") == FILES
    metadata = (tmp_path / "project" / "pyproject.toml").read_text(encoding="utf-8")
    assert f'dependencies = ["{DISTRIBUTION}>=' in metadata
    for path in FILES:
        text = (tmp_path / "project" / path).read_text(encoding="utf-8")
        assert "$" not in text
        assert text.endswith("\n")
        assert not text.endswith("\n\n")
        assert max(map(len, text.splitlines())) <= 100
    for command in ("format --check", "check --select=B,E,F,I,N,UP"):
        subprocess.run(
            [sys.executable, "-m", "ruff", *command.split(), "--isolated", "--line-length=100"],
            cwd=tmp_path / "project",
            check=True,
        )


def test_by_default_it_writes_beside_you(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    new("my-model")
    assert files(tmp_path / "benchkit-my-model") == FILES


@pytest.mark.parametrize(
    "name", ["", "My-Model", "my_model", "3d", "-x-", "a--b", "x/../y", "ma chine", "naïve"]
)
def test_names_must_be_kebab_case(name: str, tmp_path: Path) -> None:
    with pytest.raises(BenchkitError, match="kebab-case, such as my-metric"):
        new("--kind", "metric", "--dir", str(tmp_path / "project"), "--", name)
    assert not (tmp_path / "project").exists()


@pytest.mark.parametrize("name", ["class", "import", "lambda"])
def test_names_may_not_be_pythons(name: str) -> None:
    with pytest.raises(BenchkitError, match="a word of Python's own"):
        new(name)


@pytest.mark.parametrize("name", ["none", "true", "dataset", "config", "np", "param"])
def test_awkward_names_work(name: str, tmp_path: Path) -> None:
    new(name, "--kind", "dataset", "--dir", str(tmp_path / "project"))
    source = (tmp_path / "project" / "src" / f"benchkit_{name}.py").read_text(encoding="utf-8")
    compile(source, name, "exec")


def test_names_that_are_taken_are_refused() -> None:
    from benchkit.components.registry import registry

    taken = next(iter(registry().components["recommender"]))
    with pytest.raises(BenchkitError, match=f"'{taken}' exists already, in {DISTRIBUTION}"):
        new(taken)


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("mine")
    with pytest.raises(BenchkitError, match="exists already; name an empty or new folder"):
        new("my-model", "--dir", str(tmp_path))
    with pytest.raises(BenchkitError, match="exists already"):
        new("my-model", "--dir", str(tmp_path / "precious.txt"))
    assert files(tmp_path) == {"precious.txt"}


def test_an_empty_folder_will_do(tmp_path: Path) -> None:
    new("my-model", "--dir", str(tmp_path))
    assert files(tmp_path) == FILES


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises((StorageError, NotADirectoryError)):
        new("my-model", "--dir", str(tmp_path / "file" / "project"))
