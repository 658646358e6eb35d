"""Installs strangers' distributions into a folder, as `pip install --target` would."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from importlib.metadata import EntryPoint, distributions
from pathlib import Path

RECOMMENDER = """
from benchkit import Recommendations, Recommender, hookimpl

class Stranger(Recommender):
    \"\"\"Recommends nothing.\"\"\"

    name = {name!r}
    source = "ours"

    def fit(self, train, bench):
        pass

    def recommend(self, prompts, k):
        return Recommendations.empty(len(prompts), k)

@hookimpl
def benchkit_recommenders():
    return [Stranger]
"""
_numbers = itertools.count()


def install(
    folder: Path, distribution: str, source: str, version: str = "1.0", entry: str = "plugin"
) -> str:
    """Write a distribution with one plugin and return the name of its module."""
    module = f"stranger_{next(_numbers)}"
    (folder / f"{module}.py").write_text(source, encoding="utf-8")
    declare(folder, distribution, {entry: module}, version)
    return module


def declare(
    folder: Path,
    distribution: str,
    entries: Mapping[str, str],
    version: str = "1.0",
    group: str = "benchkit",
) -> None:
    """Write the metadata of a distribution with the given entry points."""
    info = folder / f"{distribution.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n", encoding="utf-8"
    )
    lines = [f"{name} = {module}" for name, module in entries.items()]
    (info / "entry_points.txt").write_text("\n".join([f"[{group}]", *lines, ""]), encoding="utf-8")


def entry_points_in(folder: Path) -> list[EntryPoint]:
    """Return the entry points of what is installed in a folder, for benchkit."""
    return [
        point
        for distribution in distributions(path=[str(folder)])
        for point in distribution.entry_points
        if point.group == "benchkit"
    ]
