"""Reduced vectors that are kept: damaged ones are made again."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from benchkit.embeddings.reduce import reduce_items


def npy(array: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> bytes:
    buffer = BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x93NUMPY",
        npy(np.zeros((3, 2), np.float32)),
        npy(np.full((9, 2), np.nan, np.float32)),
    ],
)
def test_damaged_vectors_are_made_anew(tmp_path: Path, content: bytes) -> None:
    vectors = np.random.default_rng(0).normal(size=(9, 5)).astype(np.float32)
    every = np.ones(9, dtype=bool)

    def reduce() -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        return reduce_items(vectors, "pca", 2, {}, [""] * 9, every, 0, tmp_path)

    first = reduce()
    (kept,) = tmp_path.glob("**/reduced/*.npy")
    kept.write_bytes(content)
    np.testing.assert_array_equal(reduce(), first)
    np.testing.assert_array_equal(np.load(kept), first)
