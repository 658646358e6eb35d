"""Killing a process in the middle of what it does at a service."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.recommenders.prompted.server import Service

ROOT = Path(__file__).parents[3]


def kill_in_the_middle(
    service: Service, what: str, name: str, under_way: Callable[[], bool]
) -> None:
    """Start `killed`, and kill it once something is under way."""
    command = [sys.executable, "-m", "tests.recommenders.prompted.killed", what, name, service.url]
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        for _ in range(3000):
            if under_way() or process.poll() is not None:
                break
            time.sleep(0.01)
        assert process.poll() is None, "it must not end before it is killed"
        assert under_way()
    finally:
        process.kill()
        process.wait()
