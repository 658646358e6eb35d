"""Generated samples: the same seed gives the same bytes, and the texts carry signal."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse

from benchkit.contracts.dataset import Dataset, PreparedDataset
from benchkit.contracts.sessions import Sessions
from benchkit.data.open import statistics
from benchkit.data.prepare import prepare
from benchkit_plugins.datasets.beauty import Beauty
from benchkit_plugins.datasets.delivery_hero import DeliveryHero
from benchkit_plugins.datasets.steam import Steam

KINDS: list[type[Dataset]] = [Beauty, DeliveryHero, Steam]
CODE = """
import sys, pathlib, importlib
module, name, folder, sessions, seed = sys.argv[1:]
dataset = getattr(importlib.import_module(module), name)()
dataset.generate(pathlib.Path(folder), int(sessions), int(seed))
"""


def digests(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.iterdir())}


@pytest.fixture(scope="module", params=KINDS, ids=lambda kind: kind.name)
def sample(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> PreparedDataset:
    dataset = request.param()
    folder = tmp_path_factory.mktemp(dataset.name)
    dataset.generate(folder, 2500, 0)
    return prepare(dataset, folder, name=f"{dataset.name}-sample", synthetic=True)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_one_seed_gives_one_sample_in_another_process_too(
    tmp_path: Path, kind: type[Dataset]
) -> None:
    folders = [tmp_path / name for name in ("here", "there", "other")]
    for folder in folders:
        folder.mkdir()
    kind().generate(folders[0], 200, 7)
    arguments = [kind.__module__, kind.__name__, str(folders[1]), "200", "7"]
    subprocess.run([sys.executable, "-c", CODE, *arguments], check=True)
    kind().generate(folders[2], 200, 8)
    first, again, other = map(digests, folders)
    assert first == again
    assert all(first[name] != other[name] for name in first)


def test_the_shape_is_like_the_original(sample: PreparedDataset) -> None:
    found = statistics(sample)
    lengths = {"beauty": (8, 11), "delivery-hero": (5, 7), "steam": (11, 15)}[sample.family]
    assert lengths[0] < found["average_session_length"] < lengths[1]
    assert found["sessions"] > 2000
    assert 400 < found["items"] < 2000
    counts = np.sort(sample.item_counts())[::-1]
    head = counts[: len(counts) // 100].sum() / counts.sum()
    assert 0.04 < head < 0.3
    assert len(set(sample.catalog.titles) - {""}) > 0.95 * len(sample.catalog)
    assert sum(not text for text in sample.catalog.texts) < 0.01 * len(sample.catalog)
    assert 8 <= len(set(sample.catalog.classes)) <= 20


def test_many_timestamps_tie(sample: PreparedDataset) -> None:
    sessions = sample.sessions
    ties = (np.diff(sessions.times) == 0) & (np.diff(sessions.owners) == 0)
    share = len(np.unique(sessions.owners[1:][ties])) / len(sessions)
    assert share > 0.6


def test_texts_and_neighbours_beat_popularity_which_beats_chance(sample: PreparedDataset) -> None:
    order = np.argsort(sample.sessions.last_times, kind="stable")
    cut = int(0.8 * len(order))
    train, later = sample.sessions.take(order[:cut]), sample.sessions.take(order[cut:])
    later = later.take(np.flatnonzero(later.lengths > 1))
    truth = later.items[later.offsets[1:] - 1]
    last = later.items[later.offsets[1:] - 2]
    popular = np.bincount(train.items, minlength=len(sample.catalog)).astype(float)
    words = bags(sample)
    texts = (words[last] @ words.T).toarray()
    seen = interactions(train, len(sample.catalog))
    similar = (seen.T @ seen).tocsr()
    neighbours = similar[last].toarray()
    for scores in (texts, neighbours):
        scores[np.arange(len(last)), last] = -1
    hits = [
        hit_rate(scores, truth) for scores in (np.tile(popular, (len(truth), 1)), texts, neighbours)
    ]
    chance = 20 / len(sample.catalog)
    assert hits[0] > 2 * chance
    assert min(hits[1:]) > 1.3 * hits[0]


def hit_rate(scores: np.ndarray, truth: np.ndarray) -> float:
    own = scores[np.arange(len(truth)), truth][:, None]
    rank = (scores > own).sum(axis=1) + ((scores == own).sum(axis=1) - 1) / 2
    return float((rank < 20).mean())


def bags(sample: PreparedDataset) -> scipy.sparse.csr_matrix:
    from sklearn.feature_extraction.text import TfidfVectorizer

    return scipy.sparse.csr_matrix(TfidfVectorizer().fit_transform(list(sample.catalog.texts)))


def interactions(sessions: Sessions, items: int) -> scipy.sparse.csr_matrix:
    ones = np.ones(sessions.interactions)
    shape = (len(sessions), items)
    return scipy.sparse.csr_matrix((ones, sessions.items, sessions.offsets), shape=shape)


def test_some_items_come_too_late_for_training(sample: PreparedDataset) -> None:
    order = np.argsort(sample.sessions.last_times, kind="stable")
    train = sample.sessions.take(order[: int(0.8 * len(order))])
    untrained = len(sample.catalog) - len(np.unique(train.items))
    assert 0 < untrained < 0.1 * len(sample.catalog)
