"""Writes a new third-party plugin: a project that works and is made to be changed."""

from __future__ import annotations

import keyword
from importlib.resources import files
from pathlib import Path
from string import Template

from benchkit import DISTRIBUTION
from benchkit.components.registry import NAME, Registered, registry
from benchkit.contracts.errors import BenchkitError
from benchkit.toolkit.files import folder_atomically

_USE = {
    "recommender": "Then it takes part in every comparison:\n\n"
    "    benchkit run -r $name --dataset steam\n    benchkit leaderboard\n",
    "metric": "Kept recommendations are measured again, without training:\n\n"
    "    benchkit evaluate\n",
    "dataset": "Then it can be evaluated on:\n\n    benchkit run --all --dataset $name --raw DIR\n",
    "embedder": "Recommenders ask for it by its name.\n",
    "reducer": "Recommenders ask for it by its name.\n",
}
_NEEDS = {"dataset": "polars>=1.20"}  # besides benchkit


def new_plugin(name: str, kind: str, target: Path | None) -> Path:
    """Write a project and return its folder.

    Args:
        name: name of the component, in kebab-case.
        kind: what it is.
        target: folder to write, which must not hold anything; None for ``benchkit-NAME`` here.

    Raises:
        BenchkitError: the name or folder does not do.
        StorageError: the folder cannot be written.
    """
    _check_name(name, kind)
    folder = target if target is not None else Path(f"benchkit-{name}")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BenchkitError(f"{folder} exists already; name an empty or new folder with --dir")
    with folder_atomically(folder) as fresh:
        for path, content in project(name, kind).items():
            (fresh / path).parent.mkdir(exist_ok=True, parents=True)
            (fresh / path).write_text(content, encoding="utf-8")
    return folder


def project(name: str, kind: str) -> dict[str, str]:
    """Return the files of a new project: path to content."""
    module = f"benchkit_{name.replace('-', '_')}"
    words = {
        "name": name,
        "kind": kind,
        "distribution": f"benchkit-{name}",
        "module": module,
        "class_name": "".join(part.capitalize() for part in name.split("-")) + kind.capitalize(),
        "base": kind.capitalize(),
        "dependencies": f'"{DISTRIBUTION}>=0.1", "{_NEEDS.get(kind, "numpy>=1.26")}"',
        "use": Template(_USE[kind]).substitute(name=name),
    }
    templates = {
        "pyproject.toml": "pyproject.toml",
        "README.md": "README.md",
        f"src/{module}.py": f"{kind}.py",
        f"tests/test_{module}.py": "test.py",
    }
    return {path: _filled(template, words) for path, template in templates.items()}


def _filled(template: str, words: dict[str, str]) -> str:
    source = files("benchkit.components").joinpath("templates", f"{template}.tmpl")
    return Template(source.read_text(encoding="utf-8")).substitute(words)


def _check_name(name: str, kind: str) -> None:
    if not NAME.fullmatch(name):
        raise BenchkitError(
            f"a plugin's name is in kebab-case, such as my-{kind}: lower-case letters, digits and "
            f"single hyphens, beginning with a letter; not {name!r}"
        )
    if keyword.iskeyword(name):
        raise BenchkitError(f"{name!r} is a word of Python's own; choose another name")
    taken: Registered | None = registry().components[kind].get(name)
    if taken is not None:
        raise BenchkitError(
            f"{kind} {name!r} exists already, in {taken.distribution} {taken.version}; "
            "choose another name"
        )
