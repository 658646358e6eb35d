"""Speed of the reducers: 12,101 vectors of 1,536 dimensions to 512.

    python benchmarks/reducers.py [NAME ...] [--rows N] [--width N] [--dim N]

Fitting and transforming, in one process; what is imported at first use counts. Vectors are random,
their variance falls from one dimension to the next; 1,024 classes.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np

from benchkit_plugins.reducers import autoencoder, lda, none, pca, random_projection

ALL: dict[str, Any] = {
    "pca": pca.PCA,
    "lda": lda.LDA,
    "autoencoder": autoencoder.Autoencoder,
    "random-projection": random_projection.RandomProjection,
    "none": none.NoReduction,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(ALL))
    parser.add_argument("--rows", type=int, default=12_101)
    parser.add_argument("--width", type=int, default=1536)
    parser.add_argument("--dim", type=int, default=512)
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((args.rows, args.width), dtype=np.float32)
    vectors *= np.linspace(2, 0.1, args.width, dtype=np.float32)
    classes = rng.integers(0, 1024, args.rows).astype(np.int32)
    for name in args.names or ALL:
        reducer = ALL[name]()
        start = time.perf_counter()
        reducer.fit(vectors, classes, args.dim, 0)
        fitted = time.perf_counter()
        shape = reducer.transform(vectors).shape
        done = time.perf_counter()
        print(f"{name:18s} {done - start:7.2f} s (fit {fitted - start:.2f}) to {shape[1]}")


if __name__ == "__main__":
    main()
