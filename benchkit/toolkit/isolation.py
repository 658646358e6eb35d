"""Running plugins' code so that what it prints and raises does not disturb the host."""

from __future__ import annotations

import os
import random
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout, suppress
from types import FrameType

_STDOUT, _STDERR = 1, 2


@contextmanager
def stdout_on_stderr() -> Iterator[None]:
    """Send standard output to standard error meanwhile, that of compiled code too.

    Ours may be JSON or CSV. It holds for the whole process: nothing of ours may print meanwhile.
    """
    with ExitStack() as undo:
        with suppress(AttributeError, OSError, ValueError):  # there is none, or it is closed
            sys.stdout.flush()
        with suppress(OSError):  # one of the descriptors is closed
            kept = os.dup(_STDOUT)
            undo.callback(os.close, kept)
            os.dup2(_STDERR, _STDOUT)
            undo.callback(os.dup2, kept, _STDOUT)
        undo.enter_context(redirect_stdout(sys.stderr))
        yield


def send_stdout_to_stderr() -> None:
    """Send standard output to standard error for good, in a process that prints nothing of ours."""
    with suppress(OSError):
        os.dup2(_STDERR, _STDOUT)


def seed_globals(seed: int) -> None:
    """Seed the generators that Python and NumPy share, so that who draws from them can be repeated.

    Ours come from `Bench.rng`, and nothing of ours depends on these.
    """
    import numpy as np

    random.seed(seed)
    np.random.seed(seed % 2**32)


@contextmanager
def interruptible() -> Iterator[list[int]]:
    """Give a list that Ctrl-C adds to: a plugin may raise KeyboardInterrupt of its own.

    What Ctrl-C does otherwise, it does all the same. Outside the main thread it never comes.
    """
    pressed: list[int] = []
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield pressed
        return

    def note(number: int, frame: FrameType | None) -> None:
        pressed.append(number)
        before(number, frame)

    signal.signal(signal.SIGINT, note)
    try:
        yield pressed
    finally:
        if signal.getsignal(signal.SIGINT) is note:  # else the handler has put another in its place
            signal.signal(signal.SIGINT, before)
