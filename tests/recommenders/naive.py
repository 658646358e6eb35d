"""The neighbourhood models once more: slowly, one prompt at a time, straight from their text."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
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
    for session in train:
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
    places = {item: place for place, item in enumerate(in_tie_order(prompt, scores))}
    return sorted(listed, key=lambda pair: (-pair[1], places[pair[0]]))


def in_tie_order(prompt: Sequence[int], items: Iterable[int], seed: int = 0) -> list[int]:
    """Return items in the order in which a prompt lists them where their scores are equal."""
    terms = sum(_mixed(_mixed(place) ^ item) for place, item in enumerate(prompt))
    key = _mixed(terms % 2**64 ^ seed)
    return sorted(items, key=lambda item: _mixed(key ^ item))


def _mixed(value: int) -> int:
    """Return splitmix64's next number."""
    value = (value + 0x9E3779B97F4A7C15) % 2**64
    value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    value = (value ^ value >> 27) * 0x94D049BB133111EB % 2**64
    return value ^ value >> 31
