"""Titles to items: by name, else by embedding (paper 4.1 to 4.4)."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from benchkit import Recommendations, Sessions
from benchkit.contracts.arrays import Float32, Int32, UInt64
from benchkit.toolkit.arrays import keys_of, mix, normalised
from benchkit.toolkit.ranking import top_k_of
from benchkit.toolkit.texts import Texts
from benchkit_plugins.recommenders.prompted.titles import Title
from benchkit_plugins.recommenders.similarity.search import SimilarItems, dots

if TYPE_CHECKING:
    from benchkit import Bench

# A title, and the items it names of those to choose from; none: what is nearest takes their place.
_Named = list[tuple[Title, tuple[int, ...]]]


@dataclass(frozen=True, eq=False)
class Matches:
    """The items that titles were matched to.

    Attributes:
        lists: ranked items, ``int32[prompts, k]``.
        counted: the titles of each prompt, without repetitions.
        hallucinations: how many of them name nothing that there was to choose from.
        off_list: how many of these are in the catalog; None where all of it was to choose from.
        similarities: of each hallucination that is in a list, the cosine with its item.
    """

    lists: Recommendations
    counted: list[list[Title]]
    hallucinations: int
    off_list: int | None
    similarities: list[float]

    @property
    def titles(self) -> int:
        """How many titles count."""
        return sum(map(len, self.counted))


class Matching:
    """Finds the items that titles mean.

    A title of the catalog is its item; of several items of one title, the most popular trained one
    that the list lacks. Any other title takes the item of the largest dot product that the list
    lacks, an item of the catalog, or of those there are to choose from. Vectors are the embedder's
    own, not reduced, scaled to length 1 (paper 4.1). A title without embedding (no known word, say)
    takes none.

    Embeddings are asked for when the first title needs them.
    """

    def __init__(self, embedder: str, bench: Bench) -> None:
        self._embedder, self._bench = embedder, bench

    @cached_property
    def vectors(self) -> Float32:
        """Embeddings of the items, of length 1, ``float32[items, dim]``; zero for none."""
        return normalised(self._bench.embeddings(self._embedder))

    def lists(
        self,
        answers: Sequence[Sequence[Title]],
        k: int,
        taken: Sessions,
        offers: Int32 | None = None,
    ) -> Matches:
        """Return the items that each prompt's titles mean, in their order.

        Args:
            answers: ranked titles of each prompt; one counts as often as items have it.
            k: length of the lists.
            taken: items to keep out of the lists, one session a prompt.
            offers: what there is to choose from, ``int32[n]`` for all prompts or
                ``int32[prompts, n]`` for each, -1 for a gap; None for the whole catalog.
        """
        named = self._named(answers, offers)
        sought = [(row, title) for row, pairs in enumerate(named) for title, i in pairs if not i]
        rooms = [len(pairs) + len(taken[row]) for row, pairs in enumerate(named)]
        near = self._nearest(sought, max(rooms, default=1), offers)
        lists, similarities = Recommendations.empty(len(named), k), []
        nearest = zip(near.items.tolist(), near.scores.tolist(), strict=True)
        for row, pairs in enumerate(named):
            placed = _placed(pairs, set(taken[row].tolist()), nearest)[:k]
            lists.items[row, : len(placed)] = [item for item, _ in placed]
            similarities += [cosine for _, cosine in placed if cosine is not None]
        lists.scores[:] = np.where(lists.items >= 0, 1 / np.arange(1, k + 1), -np.inf)
        return Matches(
            lists,
            [[title for title, _ in pairs] for pairs in named],
            len(sought),
            None if offers is None else sum(bool(title.items) for _, title in sought),
            similarities,
        )

    def _named(self, answers: Sequence[Sequence[Title]], offers: Int32 | None) -> list[_Named]:
        named: list[_Named] = []
        for row, titles in enumerate(answers):
            choice: Container[int] = range(len(self._bench.catalog))
            if offers is not None:
                choice = set((offers if offers.ndim == 1 else offers[row]).tolist())
            named.append([(t, tuple(i for i in t.items if i in choice)) for t in _once(titles)])
        return named

    def _nearest(
        self, sought: Sequence[tuple[int, Title]], depth: int, offers: Int32 | None
    ) -> Recommendations:
        """Return the items nearest to each title, best first, one list a title."""
        if not sought:
            return Recommendations.empty(0, depth)
        places = {title: place for place, title in enumerate(dict.fromkeys(t for _, t in sought))}
        index = np.array([places[title] for _, title in sought], dtype=np.int64)
        vectors, ties = self._vectors_of(list(places)), self._tie_keys(places)
        if offers is not None and offers.ndim == 2:
            rows = np.array([row for row, _ in sought], dtype=np.int64)
            return self._nearest_of(vectors[index], offers[rows], depth, ties[index])
        nearest = self._nearest_in(vectors, depth, ties, offers)
        return Recommendations(nearest.items[index], nearest.scores[index])

    def _tie_keys(self, titles: Iterable[Title]) -> UInt64:
        """Return the keys that order items equally near to each title, ``uint64[titles]``."""
        texts = Texts.of([title.text for title in titles])
        return mix(keys_of(texts) ^ np.uint64(self._bench.seed))

    def _vectors_of(self, titles: Sequence[Title]) -> Float32:
        """Return the embeddings of titles, known or not, ``float32[titles, dim]``."""
        in_catalog = np.array([bool(title.items) for title in titles], dtype=bool)
        vectors = np.zeros((len(titles), self.vectors.shape[1]), dtype=np.float32)
        vectors[in_catalog] = self.vectors[[title.items[0] for title in titles if title.items]]
        if not in_catalog.all():
            texts = [title.text for title in titles if not title.items]
            vectors[~in_catalog] = normalised(self._bench.embed_texts(texts, self._embedder))
        return vectors

    def _nearest_in(
        self, queries: Float32, depth: int, ties: UInt64, offers: Int32 | None
    ) -> Recommendations:
        """Return the items nearest to each query, of the whole catalog or some of it."""
        vectors = self.vectors
        if offers is not None:
            vectors = np.zeros_like(vectors)
            vectors[offers] = self.vectors[offers]
        items = SimilarItems(vectors)
        nearest = Recommendations.empty(len(queries), depth)
        for start in range(0, len(queries), items.batch):
            part = slice(start, start + items.batch)
            nothing = _nothing(len(queries[part]))
            best = items.best(queries[part], depth, ties[part], nothing, "dot")
            nearest.items[part], nearest.scores[part] = best.items, best.scores
        return nearest

    def _nearest_of(
        self, queries: Float32, offers: Int32, depth: int, ties: UInt64
    ) -> Recommendations:
        """Return the items nearest to each query, of as many offers as there are queries."""
        embedded = np.any(queries != 0, axis=1, keepdims=True)
        rows, columns = np.nonzero((offers >= 0) & embedded)
        codes = offers[rows, columns]
        scores = dots(queries, rows, self.vectors, codes)
        return top_k_of(rows, codes, scores, depth, ties)


def _once(titles: Sequence[Title]) -> Iterator[Title]:
    """Yield titles without repetitions, beyond as many as the catalog has items of the title."""
    counts: dict[str, int] = {}
    for title in titles:
        counts[title.key] = counts.get(title.key, 0) + 1
        if counts[title.key] <= max(1, len(title.items)):
            yield title


def _placed(
    pairs: _Named, taken: set[int], nearest: Iterator[tuple[list[int], list[float]]]
) -> list[tuple[int, float | None]]:
    """Return the item that each title of one prompt takes, and the cosine of a hallucination."""
    placed: list[tuple[int, float | None]] = []
    for _, items in pairs:
        near = ([], []) if items else next(nearest)
        cosines = dict(zip(*near, strict=True))
        item = next((i for i in items or near[0] if i >= 0 and i not in taken), None)
        if item is not None:
            taken.add(item)
            placed.append((item, None if items else cosines[item]))
    return placed


def _nothing(count: int) -> Sessions:
    return Sessions.from_lists([[]] * count)
