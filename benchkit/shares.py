"""What of a machine each of several processes gets: cores as threads, and GPUs."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from benchkit.errors import ConfigError

_THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "POLARS_MAX_THREADS",
)
_GPUS = "CUDA_VISIBLE_DEVICES"
# How threads of one operation wait for one another. As they do by default, spinning, a fit beside
# another job takes many times as long; asleep at once, a small network alone does. So many spins
# are a compromise (`benchmarks/neighbour.py`). It is GNU OpenMP's, which torch uses on Linux.
_SPINS = {"GOMP_SPINCOUNT": "1000"}
_WAITING = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")


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
    """Return the variables that give each of several processes its share of the cores.

    Raises:
        ConfigError: the user has set a number of threads that is none.
    """
    # torch takes the largest of what these variables say, so one that the user set speaks for all.
    count = str(_threads_wanted() or threads(cores(), slots))
    shared = {name: count for name in _THREADS if not os.environ.get(name)}
    return {**shared, **waiting_variables()}


def waiting_variables() -> dict[str, str]:
    """Return the variables that make threads good neighbours; none where the user has set one.

    They have to be set before torch is imported.
    """
    return {} if any(os.environ.get(name) for name in _WAITING) else _SPINS


def _threads_wanted() -> int | None:
    value = os.environ.get("OMP_NUM_THREADS", "")
    number = value.partition(",")[0].strip()  # the first is that of the outermost level
    if value and not (number.isdecimal() and int(number)):
        raise ConfigError(f"OMP_NUM_THREADS must be a whole number of threads, not {value!r}")
    return int(number) if value else None


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
    """Return how many cores this process may use: by its affinity, and by its container's quota."""
    from joblib import cpu_count

    return int(cpu_count())


def visible_gpus() -> list[str]:
    """Return the names of NVIDIA's GPUs that this process may use, without importing torch."""
    if (given := os.environ.get(_GPUS)) is not None:
        return [name for name in given.split(",") if name.strip()]
    # CUDA counts from 0 those whose device files are there, whatever their numbers.
    return [str(place) for place, _ in enumerate(Path("/dev").glob("nvidia[0-9]*"))]
