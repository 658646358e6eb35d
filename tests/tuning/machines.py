"""Machines: folders that share nothing but a plugin, and the storage that they are told."""

from __future__ import annotations

import time
from collections.abc import Callable

from tests.workspace import Workspace

Machines = Callable[[str], Workspace]

# A cheap recommender, slowed down so that it can be killed at work.
PLUGIN = '''
import os, time
from benchkit import hookimpl
from benchkit_plugins.recommenders.v_sknn import VSKNN


class Slow(VSKNN):
    """V-SKNN that takes its time."""
    name = "slow"
    source = "test"

    def fit(self, train, bench):
        if len(train) > 100:  # not while a worker rehearses
            time.sleep(float(os.environ.get("SLOW_SECONDS", "0")))
        super().fit(train, bench)


@hookimpl
def benchkit_recommenders():
    return [Slow]
'''


def wait_for(condition: Callable[[], bool], seconds: float = 300) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.2)
