"""What the conformance checks share: a verdict in words, guarded inputs, arrays."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def require(condition: object, message: str) -> None:
    """Fail a check with a message that tells the plugin's author what is wrong.

    Raises:
        AssertionError: the condition does not hold.
    """
    if not condition:
        raise AssertionError(message)


def skip(reason: str) -> None:
    """Skip the running test."""
    import pytest

    pytest.skip(reason)


@contextmanager
def guarded(what: str, *arrays: Array) -> Iterator[None]:
    """Fail when the body writes to any of the arrays.

    They are read-only meanwhile; since some libraries write all the same, they are compared, too.
    """
    before = [array.copy() for array in arrays]
    writeable = [array.flags.writeable for array in arrays]
    for array in arrays:
        array.flags.writeable = False
    try:
        yield
    except ValueError as error:
        if "read-only" in str(error):
            raise AssertionError(f"{what} writes to its input; copy before changing it") from error
        raise
    finally:
        for array, flag in zip(arrays, writeable, strict=True):
            array.flags.writeable = flag
    for array, copy in zip(arrays, before, strict=True):
        require(np.array_equal(array, copy), f"{what} changes its input; copy before changing it")


@contextmanager
def accepts(what: str) -> Iterator[None]:
    """Fail when the body raises: what is asked for is no error."""
    try:
        yield
    except AssertionError:
        raise
    except Exception as error:
        raise AssertionError(f"{what} must be no error: {type(error).__name__}: {error}") from error


def require_array(what: str, value: object, dtype: type, shape: tuple[int, ...]) -> None:
    """Fail unless `value` is an array of exactly that type and shape."""
    name = np.dtype(dtype).name
    if not isinstance(value, np.ndarray):
        raise AssertionError(f"{what} must be a numpy array, not {type(value).__name__}")
    require(value.dtype == dtype, f"{what} must be {name}, not {value.dtype}")
    require(value.shape == shape, f"{what} must have shape {shape}, not {value.shape}")


def require_close(what: str, one: Array, other: Array) -> None:
    """Fail unless two arrays of numbers are equal up to rounding."""
    require(one.shape == other.shape, f"{what}: shapes {one.shape} and {other.shape}")
    if not np.allclose(one, other, rtol=1e-4, atol=1e-5, equal_nan=True):
        rows = np.flatnonzero(
            ~np.isclose(one, other, rtol=1e-4, atol=1e-5).reshape(len(one), -1).all(axis=1)
        )
        raise AssertionError(f"{what}: values differ in row {rows[0]} and {len(rows) - 1} others")
