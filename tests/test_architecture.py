"""Who may know whom: rooms by CONTRIBUTING's table, no circles; the core names no plugin."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from importlib.metadata import distribution
from pathlib import Path

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

from benchkit import DISTRIBUTION

ROOT = Path(__file__).parent.parent
CORE = sorted((ROOT / "benchkit").rglob("*.py"))
PLUGINS = sorted((ROOT / "plugins").rglob("*.py"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
ENTRY_POINTS: dict[str, str] = PROJECT["entry-points"]["benchkit"]
HEAVY = {"torch", "sklearn", "openai", "optuna", "polars"}
# "none" is how the command line writes no value, and libraries have a right to their names.
NAMES = {name.partition("-")[2] for name in ENTRY_POINTS} - HEAVY - {"none"}
UNSAFE_MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}


@cache
def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(tree: ast.AST) -> Iterator[str]:
    """Yield the full names of what is imported anywhere."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def docstrings(tree: ast.AST) -> set[int]:
    """Return the ids of the nodes that are documentation."""
    return {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT / "plugins").with_suffix("").parts
    return ".".join(parts)


@pytest.mark.parametrize("path", CORE, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_core_knows_no_plugin(path: Path) -> None:
    tree = parse(path)
    assert not [name for name in imported(tree) if name.startswith("benchkit_plugins")]
    documentation = docstrings(tree)
    named = [
        f"{node.value!r} in line {node.lineno}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and id(node) not in documentation
        and (node.value in NAMES or "benchkit_plugins" in str(node.value))
    ]
    assert not named


@pytest.mark.parametrize("path", PLUGINS, ids=lambda path: str(path.relative_to(ROOT)))
def test_plugins_do_not_know_each_other(path: Path) -> None:
    others = set(ENTRY_POINTS.values()) - {module_of(path)}
    known = [
        name
        for name in imported(parse(path))
        if name in others or name.rpartition(".")[0] in others
    ]
    assert not known, "ask the bench, or share a family module"


def test_components_folders_hold_components_alone() -> None:
    folders = {name.rpartition(".")[0] for name in ENTRY_POINTS.values()}
    files = {module_of(path) for path in PLUGINS if path.stem != "__init__"}
    helpers = {name for name in files if name.rpartition(".")[0] in folders}
    assert helpers == set(ENTRY_POINTS.values()), "a helper stands in a folder of its family"


def test_entry_points_are_installed() -> None:
    for group, declared in PROJECT["entry-points"].items():
        installed = {
            point.name: point.value
            for point in distribution(DISTRIBUTION).entry_points
            if point.group == group
        }
        assert installed == declared, "pyproject.toml has changed: run `pip install -e .` again"


@pytest.mark.parametrize("path", CORE + PLUGINS, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_from_outside_are_data(path: Path) -> None:
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.Call):
            function = node.func
            name = function.id if isinstance(function, ast.Name) else ""
            assert name not in {"eval", "exec", "__import__"}, f"line {node.lineno}"
            unpickles = [
                word.arg
                for word in node.keywords
                if word.arg == "allow_pickle"
                and not (isinstance(word.value, ast.Constant) and word.value.value is False)
            ]
            assert not unpickles, f"line {node.lineno}"
    names = set(imported(parse(path))) - {"joblib.cpu_count"}  # which reads no files of ours
    used = {name.partition(".")[0] for name in names}
    assert not used & UNSAFE_MODULES


def rooms() -> dict[str, set[str]]:
    """Return what each room may know, by CONTRIBUTING's table; those named there bring theirs."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z]+)(?:/|\.py)` \|.*\|(.*)\|$", text, re.MULTILINE)
    known = {room: set(re.findall(r"`(\w+)`", cell)) for room, cell in rows}
    for room in reversed(known):  # those below come first
        known[room] |= {below for other in known[room] for below in known[other]}
    return known


def modules() -> dict[str, Path]:
    """Return every file of ours by the name of its module."""
    named = {}
    for root, paths in ((ROOT, CORE), (ROOT / "plugins", PLUGINS)):
        for path in paths:
            parts = path.relative_to(root).with_suffix("").parts
            named[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return named


MODULES = modules()
# Loads what it exports at first use.
PACKAGE = "benchkit"


def ours(path: Path) -> Iterator[str]:
    """Yield our modules that a file imports, if only for types."""
    for name in imported(parse(path)):
        module = name if name in MODULES else name.rpartition(".")[0]
        if module in MODULES and module != PACKAGE:
            yield module


def room_of(module: str) -> str:
    return module.split(".")[1] if module.startswith("benchkit.") else "plugins"


def test_every_room_is_in_the_table() -> None:
    there = {room_of(name) for name in MODULES} - {"plugins", "benchkit", "__main__"}
    assert set(rooms()) == there


@pytest.mark.parametrize("module", sorted(set(MODULES) - {PACKAGE, "benchkit.__main__"}))
def test_a_room_knows_only_those_below(module: str) -> None:
    known = rooms()
    known["plugins"] = {"toolkit", "hookspecs"} | known["toolkit"] | known["hookspecs"]
    room = room_of(module)
    allowed = {room, *known[room]}
    assert not [name for name in ours(MODULES[module]) if room_of(name) not in allowed]


def test_the_files_that_contributing_names_exist() -> None:
    paths = [*CORE, *PLUGINS, *(ROOT / "tests").rglob("*.py"), *(ROOT / "benchmarks").glob("*.py")]
    files = {f"/{path.relative_to(ROOT).as_posix()}" for path in paths}
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([\w/]+\.py)`", text))
    assert named
    assert not [name for name in named if not any(file.endswith(f"/{name}") for file in files)]


def test_no_files_know_each_other_in_a_circle() -> None:
    sorter = TopologicalSorter({name: set(ours(path)) for name, path in MODULES.items()})
    sorter.prepare()  # raises CycleError, which names them


def loaded_by(*modules: str) -> set[str]:
    """Return the top-level modules that importing some modules loads in a fresh process."""
    code = f"import sys, {', '.join(modules)}; print(*{{n.partition('.')[0] for n in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_no_plugin_imports_anything_heavy() -> None:
    assert not loaded_by(*ENTRY_POINTS.values()) & HEAVY


def test_the_command_line_imports_nothing_heavy() -> None:
    modules = [f"benchkit.cli.{path.stem}" for path in (ROOT / "benchkit" / "cli").glob("*.py")]
    assert not loaded_by(*(name for name in modules if not name.endswith("__init__"))) & HEAVY


def test_importing_the_package_costs_nothing() -> None:
    assert not loaded_by("benchkit") & (HEAVY | {"numpy", "pluggy", "click"})


def test_the_distribution_has_one_name_everywhere() -> None:
    assert PROJECT["name"] == DISTRIBUTION


def test_plugin_authors_find_everything_in_the_package() -> None:
    import benchkit

    for name in benchkit.__all__:
        assert getattr(benchkit, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = benchkit.Nothing


def test_datasets_is_no_package() -> None:
    assert not (ROOT / "datasets" / "__init__.py").exists(), "it would shadow Hugging Face's"
