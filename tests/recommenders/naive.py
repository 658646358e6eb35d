"""The neighbourhood models once more: slowly, one prompt at a time, straight from their text."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

DECAYS: dict[str, Callable[[int], float]] = {
    "none": lambda d: 1.0,
    "linear": lambda d: max(1e-4, 1 - 0.1 * (d - 1)),
    "log": lambda d: float(1 / (np.log(np.float64(d)) + 1)),
    "harmonic": lambda d: 1 / d,
    "quadratic": lambda d: 1 / d**2,
}


def naive(
    train: Sequence[Sequence[int]],
    prompt: Sequence[int],
    *,
    k: int,
    sample_size: int,
    similarity: str,
    idf_weighting: bool,
    last_n_items: int | None,
    exclude_seen: str,
    decay: str = "none",
    by_position: bool = False,
    followers_only: bool = False,
) -> list[tuple[int, float]]:
    """Return a prompt's whole list; sessions are in time order, the `recent` ones are sampled."""
    frequency: dict[int, int] = {}
    counts: dict[int, int] = {}
    for session in train:
        for item in session:
            counts[item] = counts.get(item, 0) + 1
        for item in set(session):
            frequency[item] = frequency.get(item, 0) + 1

    tail = list(prompt)[-last_n_items:] if last_n_items else list(prompt)
    read = [item for item in dict.fromkeys(tail) if item in frequency]
    vector = {item: DECAYS[decay](len(read) - place) for place, item in enumerate(read)}
    norm = math.sqrt(sum(weight**2 for weight in vector.values()))

    candidates = [row for row in range(len(train)) if set(train[row]) & set(read)][-sample_size:]
    compared = []
    for row in candidates:
        dot = sum(weight for item, weight in vector.items() if item in train[row])
        cosine = dot / (norm * math.sqrt(len(set(train[row]))))
        compared.append((np.float32(dot if similarity == "dot" else cosine), row))
    neighbours = sorted(compared, reverse=True)[:k]

    scores: dict[int, float] = {}
    for value, row in neighbours:
        vote = float(value)
        if by_position:
            latest = max(place for place, item in enumerate(read, 1) if item in train[row])
            vote = float(np.float32(vote * (latest / len(read))))
        for item in set(train[row]):
            scores[item] = scores.get(item, 0.0) + vote
    if idf_weighting:
        scores = {i: s * float(1 + np.log(len(train) / frequency[i])) for i, s in scores.items()}

    if followers_only and read:
        follows = {b for row in train for a, b in pairwise(row) if a == read[-1]}
        scores = {item: score for item, score in scores.items() if item in follows}
    hidden = {"none": [], "read": read, "prompt": list(prompt)}[exclude_seen]
    listed = [(item, float(np.float32(s))) for item, s in scores.items() if item not in hidden]
    return sorted(listed, key=lambda pair: (-pair[1], -counts[pair[0]], pair[0]))
