"""What the README promises of `benchkit run`."""

from __future__ import annotations

import json
import re
import textwrap
from pathlib import Path
from typing import Any

import pytest

from tests.workspace import Workspace, board

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def python_in_readme(about: str) -> str:
    """Return the block of Python in the README that holds a word."""
    blocks = re.findall(r"```python\n(.*?)```", README, re.S)
    (code,) = (textwrap.dedent(block) for block in blocks if about in block)
    return code


def test_kept_weights_answer_as_the_readme_says(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace.here("run", "-r", "sasrec", "--dataset", "steam", "--set", "sasrec.epochs=1")
    (record,) = workspace.records()
    (name,) = json.loads(record.read_text())["weights"]
    assert (workspace.out / "weights" / "steam-sample" / name).exists()
    monkeypatch.chdir(workspace.folder)
    names: dict[str, Any] = {}
    exec(python_in_readme("load(kept)"), names)
    assert names["lists"].items.shape == (1, 10)
    assert names["lists"].items.min() >= 0


def test_the_plugin_in_the_readme_works_as_it_stands(workspace: Workspace) -> None:
    code = python_in_readme("hookimpl")
    site = workspace.folder / "site"
    (site / "newest.py").write_text(code)
    about = site / "newest-0.1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: newest\nVersion: 0.1\n")
    (points,) = re.findall(r"(\[project.entry-points.benchkit\]\n.*?)```", README, re.S)
    (about / "entry_points.txt").write_text(
        points.replace("project.entry-points.", "").replace('"', "")
    )
    workspace.here("run", "-r", "newest", "--dataset", "steam")
    (row,) = workspace.rows()
    assert (row["recommender"], row["distribution"]) == ("newest", "newest")
    assert row["metrics"]["hr@20"] > 0


def test_a_recommender_of_another_protocol_has_a_table_of_its_own(workspace: Workspace) -> None:
    site = workspace.folder / "site"
    about = site / "own-0.1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: own\nVersion: 0.1\n")
    (about / "entry_points.txt").write_text("[benchkit]\nnewest = newest_own\n")
    code = python_in_readme("hookimpl").replace(
        'name = "newest"', 'name = "newest"\n    protocol = "leave-one-out"'
    )
    (site / "newest_own.py").write_text(code)
    workspace.here("run", "-r", "most-popular", "-r", "newest", "--dataset", "steam")
    assert [
        (table.protocol["name"], [row.recommender for row in table.rows])
        for table in board(workspace.out, "steam-sample")
    ] == [("paper", ["most-popular"]), ("leave-one-out", ["newest"])]
