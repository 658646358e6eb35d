"""Where to compute, in which precision, and with which random numbers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from benchkit import UnavailableError

# Products run faster over multiples of this many rows and columns.
ALIGN = 64


def aligned(count: int, multiple: int | None = None) -> int:
    """Return the next multiple, of `ALIGN` where nothing else is said."""
    multiple = multiple or ALIGN
    return -(-count // multiple) * multiple


def choose_device(wanted: str) -> torch.device:
    """Return the device of a configuration; ``auto``: a GPU where there is one.

    Raises:
        UnavailableError: it is not there.
    """
    there = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if wanted == "auto":
        wanted = next(name for name, found in there.items() if found)
    if not there[wanted]:
        found = ", ".join(name for name, yes in there.items() if yes)
        raise UnavailableError(f"device {wanted} is not available; there is: {found}")
    return torch.device(wanted)


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


@contextmanager
def seeded(rng: np.random.Generator, device: torch.device) -> Iterator[None]:
    """Borrow torch's global generators, seeded by `rng`; then, MPS's apart, they are as before."""
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices, enabled=True):
        torch.manual_seed(int(rng.integers(2**63)))
        yield
