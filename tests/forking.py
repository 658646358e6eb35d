"""Children that are forked from a process with all imports, where the process is not the point.

They are processes of their own, as those of a run are, and begin in no time.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Mapping
from multiprocessing import parent_process
from multiprocessing.connection import Pipe
from multiprocessing.process import BaseProcess

from benchkit.components.registry import registry

_SERVED = ("benchkit_plugins.recommenders.v_sknn", "benchkit.tuning.worker", "tests.forking")


class Forking:
    """Stands in for the module `multiprocessing` and for a context of it."""

    Pipe = staticmethod(Pipe)
    parent_process = staticmethod(parent_process)

    @classmethod
    def get_context(cls, _method: str) -> type[Forking]:
        return cls

    @staticmethod
    def Process(  # as `multiprocessing` calls it
        target: Callable[..., None], args: tuple[object, ...], daemon: bool
    ) -> BaseProcess:
        multiprocessing.set_forkserver_preload(list(_SERVED))
        context = multiprocessing.get_context("forkserver")
        return context.Process(target=_run, args=(dict(os.environ), target, *args), daemon=daemon)


def _run(environment: Mapping[str, str], target: Callable[..., None], *args: object) -> None:
    os.environ.clear()
    os.environ.update(environment)
    registry.cache_clear()
    target(*args)
