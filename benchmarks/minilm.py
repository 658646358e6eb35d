"""Speed of `minilm` beside sentence-transformers' own `encode`: same texts, same threads.

    pip install 'seqrec-benchkit[local]'
    python benchmarks/minilm.py [--texts N] [--threads N] [--titles FILE] [--repeats N]

Both load the model before the clock starts and take turns, so that a busy machine slows both. The
texts are made up to have the lengths of Beauty's titles, or are the lines of FILE. Both must agree
to 1e-5.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

WORDS = [
    "organic",
    "rose",
    "hand",
    "cream",
    "moisturizing",
    "shampoo",
    "for",
    "dry",
    "hair",
    "with",
    "argan",
    "oil",
    "ounce",
    "pack",
    "of",
    "eyeshadow",
    "palette",
    "professional",
    "makeup",
    "brush",
    "set",
    "nail",
    "polish",
    "vitamin",
    "serum",
    "anti",
    "aging",
    "spf",
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--texts", type=int, default=2000)
    parser.add_argument("--threads", type=int, help="default: as torch has them")
    parser.add_argument("--titles", type=Path, help="one text a line")
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()

    import sentence_transformers
    import torch

    from benchkit_plugins.embedders.minilm import MiniLM, MiniLMConfig, model_folder

    if args.threads:
        torch.set_num_threads(args.threads)
    texts = titles(args.texts, args.titles)
    ours = MiniLM(MiniLMConfig(device="cpu"))
    theirs = sentence_transformers.SentenceTransformer(
        str(model_folder()), device="cpu", local_files_only=True
    )
    sides: dict[str, Callable[[list[str]], Any]] = {
        "benchkit minilm": ours.embed,
        "sentence-transformers": lambda given: theirs.encode(given, show_progress_bar=False),
    }
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    vectors = {name: np.asarray(side(texts)) for name, side in sides.items()}  # warms up, too
    for _ in range(args.repeats):
        for name, side in sides.items():
            start = time.perf_counter()
            side(texts)
            seconds[name].append(time.perf_counter() - start)
    print(f"{len(texts)} texts, {torch.get_num_threads()} threads, median of {args.repeats}")
    speed = {name: len(texts) / statistics.median(took) for name, took in seconds.items()}
    for name, rate in speed.items():
        print(f"{name:24}{rate:8.0f} texts/s")
    one, other = vectors.values()
    print(f"ratio {speed['benchkit minilm'] / speed['sentence-transformers']:.2f}")
    print(f"largest difference {np.abs(one - other).max():.1e}")
    assert np.abs(one - other).max() < 1e-5


def titles(count: int, file: Path | None) -> list[str]:
    """Return distinct texts: lines of a file, or made up (Beauty: 4 to 40 words, mostly 10)."""
    if file is not None:
        lines = dict.fromkeys(file.read_text(encoding="utf-8").splitlines())
        return [line for line in lines if line][:count]
    rng = np.random.default_rng(0)
    lengths = np.clip(rng.gamma(4.0, 2.6, count).astype(int), 3, 40)
    return [f"{' '.join(rng.choice(WORDS, n))} {row}" for row, n in enumerate(lengths)]


if __name__ == "__main__":
    main()
