"""What of a machine each of several processes gets: cores as threads, and GPUs."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

_THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "POLARS_MAX_THREADS",
)
_GPUS = "CUDA_VISIBLE_DEVICES"


@contextmanager
def share(slot: int, slots: int) -> Iterator[None]:
    """Give what is started within its share of the cores and GPUs that this process may use.

    Args:
        slot: of the process, from 0; processes that live at the same time have different ones.
        slots: how many processes there are at a time.
    """
    ours, gpus = thread_variables(slots), visible_gpus()
    if len(gpus) > 1:
        ours[_GPUS] = ",".join(gpus_of(slot, slots, gpus))
    before = {name: os.environ[name] for name in ours if name in os.environ}
    os.environ.update(ours)
    try:
        yield
    finally:
        for name in ours:
            with suppress(KeyError):
                del os.environ[name]
        os.environ.update(before)


def thread_variables(slots: int) -> dict[str, str]:
    """Return the variables that give each of several processes its share of the cores."""
    # torch takes the largest of what these variables say, so one that the user set speaks for all.
    count = os.environ.get("OMP_NUM_THREADS") or str(threads(cores(), slots))
    return {name: count for name in _THREADS if name not in os.environ}


def threads(cores: int, slots: int) -> int:
    """Return how many threads each of several processes gets, so that none waits for a core."""
    return max(1, cores // slots)


def gpus_of(slot: int, slots: int, gpus: Sequence[str]) -> list[str]:
    """Return the GPUs of a process: all are given out, and shared only where there are too few.

    >>> [gpus_of(slot, 3, ["0", "1"]) for slot in range(3)]
    [['0'], ['1'], ['0']]
    >>> [gpus_of(slot, 2, ["0", "1", "2"]) for slot in range(2)]
    [['0', '2'], ['1']]
    """
    return list(gpus[slot::slots]) or [gpus[slot % len(gpus)]]


def free_slot(taken: Sequence[int]) -> int:
    """Return the first slot that nobody has."""
    return next(slot for slot in range(len(taken) + 1) if slot not in taken)


def cores() -> int:
    """Return how many cores this process may use, which may be fewer than the machine has."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        return os.cpu_count() or 1


def visible_gpus() -> list[str]:
    """Return the names of NVIDIA's GPUs that this process may use, without importing torch."""
    if (given := os.environ.get(_GPUS)) is not None:
        return [name for name in given.split(",") if name.strip()]
    # CUDA counts from 0 those whose device files are there, whatever their numbers.
    return [str(place) for place, _ in enumerate(Path("/dev").glob("nvidia[0-9]*"))]
