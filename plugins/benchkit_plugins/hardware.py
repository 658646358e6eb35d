"""Where to compute, in which precision, and with which random numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import numpy as np
import torch

from benchkit import UnavailableError

Result = TypeVar("Result")
# Products run faster over multiples of this many rows and columns.
ALIGN = 64


def aligned(count: int, multiple: int | None = None) -> int:
    """Return the next multiple, of `ALIGN` where nothing else is said."""
    multiple = multiple or ALIGN
    return -(-count // multiple) * multiple


def choose_device(wanted: str, kinds: Sequence[str] = ("cuda", "mps", "cpu")) -> torch.device:
    """Return the device of a configuration.

    Args:
        wanted: one of `kinds`; ``cuda:1``, where there are several; ``auto`` for the first present.
        kinds: kinds of devices that the caller computes on, the best first.

    Raises:
        UnavailableError: it is not present.
    """
    counts = {"cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}
    present = [kind for kind in kinds if counts.get(kind, 1)]
    kind, _, number = (present[0] if wanted == "auto" else wanted).partition(":")
    fits = not number or (number.isdigit() and int(number) < counts.get(kind, 1))
    if kind not in present or not fits:
        raise UnavailableError(
            f"device {wanted} is not available; there is: {', '.join(present)}; auto takes the "
            "first"
        )
    return torch.device(kind, int(number)) if number else torch.device(kind)


def choose_dtype(wanted: str, device: torch.device) -> torch.dtype:
    """Return the precision of products in training; ``auto``: bfloat16 where it is fast."""
    if wanted == "auto":
        return torch.bfloat16 if has_fast_bfloat16(device) else torch.float32
    return torch.bfloat16 if wanted == "bfloat16" else torch.float32


def has_fast_bfloat16(device: torch.device) -> bool:
    """Return whether the hardware multiplies bfloat16 itself, not in software."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type != "cpu":
        return False
    # torch has no public question for this; where the private one is gone, float32 is right too.
    questions = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(bool(getattr(torch.cpu, name, lambda: False)()) for name in questions)


@contextmanager
def memory_errors() -> Iterator[None]:
    """Raise `torch.OutOfMemoryError` for a failed allocation on any device.

    Where it is no GPU of NVIDIA's, torch itself raises a RuntimeError that only its text tells.
    """
    try:
        yield
    except RuntimeError as error:
        text = str(error)
        if "DefaultCPUAllocator" in text or "MPS backend out of memory" in text:
            raise torch.OutOfMemoryError(text) from error
        raise


def in_parts(
    compute: Callable[[int], Result], parts: int, most: int, report: Callable[[int], None]
) -> tuple[Result, int]:
    """Compute in `parts`, in twice as many wherever memory is short.

    Args:
        compute: gets the number of parts.
        parts: to begin with.
        most: no further doubling from here on.
        report: told the new number of parts.

    Returns:
        The result, and how many parts it took.

    Raises:
        OutOfMemoryError: memory is short with `most` parts, too.
    """
    while True:
        try:
            with memory_errors():
                return compute(parts), parts
        except torch.OutOfMemoryError:
            if parts >= most:
                raise
        parts *= 2
        torch.cuda.empty_cache()  # behind the handler, whose traceback held the tensors
        report(parts)


@contextmanager
def seeded(rng: np.random.Generator, device: torch.device) -> Iterator[None]:
    """Borrow torch's global generators, seeded by `rng`; then, MPS's apart, they are as before."""
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices, enabled=True):
        torch.manual_seed(int(rng.integers(2**63)))
        yield
