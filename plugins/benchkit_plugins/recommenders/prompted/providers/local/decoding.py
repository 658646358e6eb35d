"""Sampling many completions of many prompts, with what they share computed once."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - torch's own name for it

from benchkit_plugins.hardware import memory_errors
from benchkit_plugins.recommenders.prompted.providers.contract import Sampling
from benchkit_plugins.recommenders.prompted.providers.local.branching import Store, read_tree
from benchkit_plugins.recommenders.prompted.providers.local.loading import Causal
from benchkit_plugins.recommenders.prompted.providers.local.tree import (
    Ints,
    Tree,
    common_length,
)

_SAMPLES = {"cpu": 320, "mps": 640, "cuda": 2560}  # at a time, where memory permits
# Prompts at a time: with more, the first answers, which a kill spares, come later and the last no
# sooner. SmolLM2 on one core gives the likeliest answers to 96 prompts in 23, 22, 26 s by 96, 48,
# 24 at a time, the first after 14, 8, 5 s.
_PROMPTS = {"cpu": 48, "mps": 96, "cuda": 2560}
_PREFILL = {"cpu": 1024, "mps": 4096, "cuda": 16384}  # tokens read at a time
_BLOCK = 256  # tokens
_MEMORY = 2 << 30  # bytes for keys and values, where the device does not say how much is free


class Decoder:
    """Draws completions of prompts, as many prompts at a time as memory permits.

    What all prompts begin with is read once, a prompt's other tokens once, and of its samples each
    distinct prefix. A prompt that is finished makes room for another.

    Args:
        causal: a model that reads trees (`branching.enable_tree_attention`).
        token_bytes: what a token takes in the store.
        sampling: how to draw.
    """

    def __init__(self, causal: Causal, token_bytes: int, sampling: Sampling) -> None:
        self._causal, self._token_bytes, self._sampling = causal, token_bytes, sampling
        # all samples of the likeliest answer are one
        self._samples = sampling.samples if sampling.temperature else 1
        self._device = causal.device

    def __call__(self, prompts: Sequence[list[int]]) -> Iterator[tuple[int, Tree]]:
        """Yield (index, finished tree) of each prompt, long prompts first.

        Args:
            prompts: their tokens, one at least in each.
        """
        # the longest first: memory runs out at once or never; read from the end
        waiting = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
        shared, common = self._read_common(prompts)
        rows = self._rows([prompt[shared:] for prompt in prompts])
        while waiting:
            under_way: list[tuple[int, Tree]] = []  # by row
            try:
                with memory_errors():
                    yield from self._serve(prompts, waiting, under_way, Store(rows, common), shared)
            except torch.OutOfMemoryError:
                if rows == 1:
                    raise
                # a tree draws the same when it is begun again
                waiting += sorted((i for i, _ in under_way), key=lambda i: len(prompts[i]))
                rows = max(1, rows // 2)
                torch.cuda.empty_cache()

    def _serve(
        self,
        prompts: Sequence[list[int]],
        waiting: list[int],
        under_way: list[tuple[int, Tree]],
        store: Store,
        shared: int,
    ) -> Iterator[tuple[int, Tree]]:
        while waiting or under_way:
            free = store.height - len(under_way)
            # a few at a time: reading one prompt alone is slow
            if waiting and free >= max(1, store.height // 4):
                for group in self._admit(prompts, waiting, free, shared):
                    first = len(under_way)
                    under_way += group
                    self._step(store, first, [tree for _, tree in group])
            else:
                self._step(store, 0, [tree for _, tree in under_way])
            yield from self._finished(store, under_way)

    def _finished(
        self, store: Store, under_way: list[tuple[int, Tree]]
    ) -> Iterator[tuple[int, Tree]]:
        """Take out what is finished; the last one comes into its row, so that none is empty."""
        for row in reversed(range(len(under_way))):
            index, tree = under_way[row]
            if tree.done:
                last = under_way.pop()
                if row < len(under_way):
                    store.move(len(under_way), row, last[1].columns)
                    under_way[row] = last
                yield index, tree

    def _admit(
        self, prompts: Sequence[list[int]], waiting: list[int], free: int, shared: int
    ) -> Iterator[list[tuple[int, Tree]]]:
        """Yield prompts for the free rows, so many at a time as may be read together."""
        group: list[tuple[int, Tree]] = []
        for _ in range(min(free, len(waiting))):
            index = waiting[-1]
            tree = Tree(prompts[index], self._samples, self._sampling.seed)
            tree.begin(shared)
            longest = max((len(other.tokens) for _, other in group), default=0)
            size = max(longest, len(tree.tokens)) * (len(group) + 1)
            if group and size > _PREFILL[self._device.type]:
                yield group
                group = []
            # not before: where memory runs out for the group before, it is still to be answered
            group.append((waiting.pop(), tree))
        yield group

    @torch.inference_mode()
    def _step(self, store: Store, row: int, trees: list[Tree]) -> None:
        """Read the next tokens of the trees from a row on, and let them grow."""
        started = time.perf_counter()
        drawn = self._draw(self._read(store, row, trees), trees)  # [sum of branches, samples]
        first = 0
        for tree in trees:
            last = first + tree.branches
            tree.grow(drawn[first:last], self._causal.chat.stops, self._enough)
            first = last
        seconds = (time.perf_counter() - started) / len(trees)
        for tree in trees:
            tree.seconds += seconds

    def _enough(self, written: Sequence[int]) -> bool:
        """Return whether a sample is as long as it may be, or says all that is looked at."""
        sampling = self._sampling
        return len(written) == sampling.max_tokens or self._causal.chat.gives_all(
            written, sampling.most
        )

    def _read(self, store: Store, row: int, trees: list[Tree]) -> Tensor:
        """Read the next tokens of the trees from a row on.

        Returns:
            What may follow their branches, ``[branches, vocabulary]``.
        """
        lengths = [len(tree.tokens) for tree in trees]
        width = max(tree.columns for tree in trees)
        mask = np.zeros((len(trees), 1, max(lengths), width), dtype=np.bool_)
        for place, tree in zip(mask, trees, strict=True):
            place[0, : len(tree.tokens), : tree.columns] = tree.sees
        ends = np.cumsum(lengths)
        asked = [np.arange(end - tree.branches, end) for end, tree in zip(ends, trees, strict=True)]
        columns = [np.arange(t.columns - n, t.columns) for t, n in zip(trees, lengths, strict=True)]
        rows = np.arange(row, row + len(trees))
        places = np.stack([np.repeat(rows, lengths), np.concatenate(columns)])
        store.aim(slice(row, row + len(trees)), self._tensor(places), width)
        return read_tree(
            self._causal.model,
            store,
            self._tensor(np.concatenate([tree.tokens for tree in trees])),
            self._tensor(np.concatenate([tree.positions for tree in trees])),
            self._tensor(mask),
            self._tensor(np.concatenate(asked)),
        )

    def _draw(self, logits: Tensor, trees: list[Tree]) -> Ints:
        """Return the tokens that samples draw after each branch, ``int64[branches, samples]``."""
        sampling = self._sampling
        if not sampling.temperature:
            likeliest: Ints = logits.argmax(1, keepdim=True).cpu().numpy()  # [N, 1]
            return likeliest
        mass = torch.softmax(logits.float() / sampling.temperature, 1)  # [N, V]
        if sampling.top_p < 1:
            mass = nucleus(mass, sampling.top_p)
        numbers = np.concatenate([np.tile(t.uniforms(), (t.branches, 1)) for t in trees])
        drawn: Ints = inverse(mass, self._tensor(numbers)).cpu().numpy()  # [N, samples]
        return drawn

    @torch.inference_mode()
    def _read_common(
        self, prompts: Sequence[list[int]]
    ) -> tuple[int, Sequence[tuple[Tensor, Tensor]]]:
        """Read what all prompts begin with; return how many tokens that is, and what to keep."""
        # the last one of each is answered
        shared = min(common_length(prompts), *(len(prompt) - 1 for prompt in prompts))
        if not shared or len(prompts) == 1:
            return 0, ()
        common = Store(1)
        self._read(common, 0, [Tree(prompts[0][:shared], 1, 0)])
        return shared, common.first_row()

    def _rows(self, prompts: Sequence[list[int]]) -> int:
        """Return how many prompts fit into memory at a time, if no sample equals another.

        Args:
            prompts: what is not common to all of them.
        """
        sampling = self._sampling
        longest = max(map(len, prompts), default=0) + self._samples * sampling.max_tokens
        memory = _MEMORY
        if self._device.type == "cuda":
            memory = torch.cuda.mem_get_info(self._device)[0] // 2
        fitting = memory // (longest * self._token_bytes)
        kind = self._device.type
        useful = min(_SAMPLES[kind] // self._samples, _PROMPTS[kind])
        return int(max(1, min(fitting, useful, len(prompts))))

    def _tensor(self, array: npt.NDArray[Any]) -> Tensor:
        return torch.from_numpy(array).to(self._device)


def inverse(mass: Tensor, numbers: Tensor) -> Tensor:
    """Return the tokens at some places of the cumulative distributions: first a block, then in it.

    Adding up whole vocabularies takes longer, and float64: rare tokens are lost in float32.

    Args:
        mass: of each token, any sum, ``[N, V]``.
        numbers: uniform in [0, 1), ``[N, samples]``.

    Returns:
        ``int64[N, samples]``, none of them without mass.
    """
    exact = torch.float32 if mass.device.type == "mps" else torch.float64
    filled = F.pad(mass, (0, -mass.shape[1] % _BLOCK))
    blocks = filled.view(len(mass), -1, _BLOCK)  # [N, blocks, 256]
    below = blocks.sum(2).to(exact).cumsum(1)  # [N, blocks]
    block, rest = _step_down(below, numbers.to(exact))  # [N, samples]
    rows = torch.arange(len(mass), device=mass.device)[:, None]
    inside = blocks[rows, block].to(exact).cumsum(2)  # [N, samples, 256]
    token, _ = _step_down(inside, rest[..., None])
    return block * _BLOCK + token[..., 0]


def _step_down(below: Tensor, numbers: Tensor) -> tuple[Tensor, Tensor]:
    """Return in which steps of a cumulative mass numbers in [0, 1) lie, and how far inside each."""
    last = below[..., -1:]
    # rounding up to the end would leave it
    wanted = torch.minimum(numbers * last, last * (1 - torch.finfo(below.dtype).eps))
    steps = torch.searchsorted(below, wanted, right=True)
    start = F.pad(below, (1, 0)).gather(-1, steps)
    return steps, (wanted - start) / (below.gather(-1, steps) - start)


def nucleus(mass: Tensor, top_p: float) -> Tensor:
    """Keep the likeliest tokens that together have the mass `top_p`, the likeliest always.

    Args:
        mass: probabilities, ``[N, vocabulary]``.
        top_p: in [0, 1].
    """
    ranked, order = mass.sort(1, descending=True)
    above = ranked.cumsum(1) - ranked  # mass of the likelier ones
    above[:, 0] = -1.0  # the likeliest stays
    return torch.zeros_like(mass).scatter(1, order, ranked.masked_fill(above >= top_p, 0))
