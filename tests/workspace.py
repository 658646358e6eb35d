"""Where tests use the command line as people do."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchkit.leaderboards import lines
from benchkit.leaderboards.render import sorted_tables
from benchkit.leaderboards.tables import Table, tables


def board(out: Path, dataset: str = "beauty") -> list[Table]:
    """Return the tables of the records that a leaderboard's file holds, best rows first."""
    content = lines.read(out / f"{dataset}.jsonl", dataset)
    assert not content.damaged
    return sorted_tables(tables(content.records.values()))


class Workspace:
    """A folder to work in, with a small generated Steam sample, and the command line."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.out = folder / "leaderboards"
        self.environment = {**environment, "BENCHKIT_HOME": str(folder), "COLUMNS": "80"}

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        # These tests are about evaluation; those of `tests/tuning` are about what goes before it.
        if arguments[0] == "run" and not {"--trials", "--timeout"} & set(arguments):
            arguments = (*arguments, "--trials", "0")
        return subprocess.Popen(
            [sys.executable, "-m", "benchkit", *arguments],
            env=self.environment,
            cwd=self.folder,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def run(self, *arguments: str, code: int = 0) -> tuple[str, str]:
        process = self.start(*arguments)
        try:
            out, err = process.communicate(timeout=120)
        finally:
            process.kill()
        assert process.returncode == code, err
        assert "Traceback" not in out + err
        return out, err

    def rows(self, dataset: str = "steam-sample") -> list[dict[str, Any]]:
        return [row.as_dict() for row in board(self.out, dataset)[0].rows]

    def records(self) -> Sequence[Path]:
        return sorted(self.out.glob("records/*/*/record.json"))
