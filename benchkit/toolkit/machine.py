"""The machine: shares of its cores and GPUs, and what a record says about it."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType

from benchkit import DISTRIBUTION
from benchkit.contracts.errors import ConfigError

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS")
_GPUS = "CUDA_VISIBLE_DEVICES"
# How threads of one operation wait for one another. As they do by default, spinning, a fit beside
# another job takes many times as long; asleep at once, a small network alone does. So many spins
# are a compromise (`benchmarks/neighbour.py`). It is GNU OpenMP's, which torch uses on Linux.
_SPINS = {"GOMP_SPINCOUNT": "1000"}
_WAITING = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")


@contextmanager
def share(slot: int, slots: int) -> Iterator[None]:
    """Give what is started within its share of the cores and GPUs that this process may use.

    It does not import the program of this process: a script that calls `benchkit.run` would run
    again in each child.

    Args:
        slot: of the process, from 0; processes that live at the same time have different ones.
        slots: how many processes there are at a time.
    """
    ours, gpus = thread_variables(slots), visible_gpus()
    if len(gpus) > 1:
        ours[_GPUS] = ",".join(gpus_of(slot, slots, gpus))
    before = {name: os.environ[name] for name in ours if name in os.environ}
    os.environ.update(ours)
    program, sys.modules["__main__"] = sys.modules["__main__"], ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = program
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
    count = str(_threads_wanted() or max(1, cores() // slots))
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


def gpus_of(slot: int, slots: int, gpus: Sequence[str]) -> list[str]:
    """Return the GPUs of a process: all are given out, and shared only where there are too few.

    >>> [gpus_of(slot, 3, ["0", "1"]) for slot in range(3)]
    [['0'], ['1'], ['0']]
    >>> [gpus_of(slot, 2, ["0", "1", "2"]) for slot in range(2)]
    [['0', '2'], ['1']]
    """
    return list(gpus[slot::slots]) or [gpus[slot % len(gpus)]]


def free_slot(taken: Sequence[int]) -> int:
    """Return the first slot that is not taken."""
    return next(slot for slot in range(len(taken) + 1) if slot not in taken)


def cores() -> int:
    """Return how many cores this process may use: by its affinity, and by its container's quota."""
    from joblib import cpu_count

    return int(cpu_count())


def visible_gpus() -> list[str]:
    """Return the names of NVIDIA's GPUs that this process may use, without importing torch."""
    if (names := os.environ.get(_GPUS)) is not None:
        return [name for name in names.split(",") if name.strip()]
    # CUDA counts from 0 those whose device files are there, whatever their numbers.
    return [str(place) for place, _ in enumerate(Path("/dev").glob("nvidia[0-9]*"))]


_PACKAGES = (DISTRIBUTION, "numpy", "optuna", "polars", "scikit-learn", "scipy", "torch")


@lru_cache(maxsize=1)
def environment() -> dict[str, object]:
    """Return what a record says about its surroundings; no name of a user, host or folder."""
    return {
        "commit": _commit(),
        "python": platform.python_version(),
        "packages": {name: number for name in _PACKAGES if (number := _version(name))},
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": cores(),
        "threads": _threads(),
        "gpu": _gpu(),
    }


def peak_memory() -> int:
    """Return the largest resident size of this process so far, in bytes; 0 where unknown."""
    # Linux: VmHWM, since ru_maxrss counts what the parent held when it started this process.
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
        return next(
            int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM:")
        )
    except (OSError, StopIteration):
        pass
    if sys.platform == "win32":
        return 0
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _threads() -> int | str | None:
    """Return the threads of products: sums added in another order may make another network."""
    torch = sys.modules.get("torch")
    if torch is not None:
        return int(torch.get_num_threads())
    return os.environ.get("OMP_NUM_THREADS") or cores()


def _gpu() -> str | None:
    """Return the model of the GPU that networks train on; None where there is none in use."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return None
    return str(torch.cuda.get_device_name())


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _commit() -> str | None:
    """Return the commit of the checkout that benchkit runs from, `+` behind it when changed."""
    root = Path(__file__).parent.parent.parent
    if not (root / ".git").exists():
        return None
    try:
        head, status = (
            subprocess.run(
                ["git", "-C", str(root), *arguments],
                capture_output=True,
                text=True,
                timeout=10,
                check=True,
            ).stdout.strip()
            for arguments in (["rev-parse", "HEAD"], ["status", "--porcelain", "-uno"])
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return head + ("+" if status else "")


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.processor())
