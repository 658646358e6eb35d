"""Where tests use the command line as people do."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from click.testing import CliRunner

from benchkit.cli import cli
from benchkit.components.registry import registry
from benchkit.contracts.errors import BenchkitError
from benchkit.evaluation import processes
from benchkit.leaderboards import lines
from benchkit.leaderboards.render import sorted_tables
from benchkit.leaderboards.tables import Table, tables
from tests.forking import Forking


def board(out: Path, dataset: str = "beauty") -> list[Table]:
    """Return the tables of the records that a leaderboard's file holds, best rows first."""
    content = lines.read(out / f"{dataset}.jsonl", dataset)
    assert not content.damaged
    return sorted_tables(tables(content.records.values()))


def _evaluating(arguments: tuple[str, ...]) -> tuple[str, ...]:
    """Return a command that does not search, unless it says so: `tests/tuning` is about that."""
    if arguments[0] != "run" or {"--trials", "--timeout"} & set(arguments):
        return arguments
    return (*arguments, "--trials", "0")


class Workspace:
    """A folder to work in, with a small generated Steam sample, and the command line."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.out = folder / "leaderboards"
        self.environment = {**environment, "BENCHKIT_HOME": str(folder), "COLUMNS": "80"}

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "benchkit", *_evaluating(arguments)],
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

    def here(self, *arguments: str, code: int = 0) -> tuple[str, str]:
        """Run a command in this process, whose children have all imports when they begin."""
        with self._plugins(), patch.object(processes, "multiprocessing", Forking):
            done = CliRunner().invoke(cli, _evaluating(arguments), env=self.environment)
        err = done.stderr
        if isinstance(done.exception, BenchkitError):
            err, status = f"{err}Error: {done.exception}", 2
        else:
            status = done.exit_code
        assert status == code, (err, done.exception)
        return done.stdout, err

    @contextmanager
    def _plugins(self) -> Iterator[None]:
        """Put the plugins of the environment's path where this process finds them."""
        if not (site := self.environment.get("PYTHONPATH")):
            yield
            return
        registry.cache_clear()
        try:
            with patch.object(sys, "path", [*site.split(os.pathsep), *sys.path]):
                yield
        finally:
            registry.cache_clear()
            for name in {path.stem for path in Path(site).glob("*.py")} & set(sys.modules):
                del sys.modules[name]

    def rows(self, dataset: str = "steam-sample") -> list[dict[str, Any]]:
        return [row.as_dict() for row in board(self.out, dataset)[0].rows]

    def records(self) -> Sequence[Path]:
        return sorted(self.out.glob("records/*/*/record.json"))
