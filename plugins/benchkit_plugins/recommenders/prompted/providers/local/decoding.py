"""Sampling many completions of many prompts, with what they share computed once.

The loop of `generate`, over caches of transformers, but for three things. What all prompts begin
with is read and kept once (`SharedPrefix`), and each prompt is read once, not once a sample.
Samples of a prompt that have drawn the same so far are one row of the model's batch, and fork where
they differ. A sample draws by numbers of its own, which no neighbour in the batch has a say in.

`generate` itself, padded in front, takes 2.7 times as long at temperature 0.25 (10 samples of 16
tokens; 23.2 and 8.7 s of one core, SmolLM2-135M, prompts of 106 tokens), and 1.25 times where each
prompt is read once before (10.9 s); at temperature 0 it is an eighth quicker. Its draws depend on
the batch.
"""

from __future__ import annotations

import hashlib
import inspect
import time
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - torch's own name for it
from torch.nn.utils.rnn import pad_sequence

from benchkit.contracts.arrays import Int64
from benchkit_plugins.hardware import memory_errors
from benchkit_plugins.recommenders.prompted.providers.contract import Sampling
from benchkit_plugins.recommenders.prompted.providers.local.loading import Causal, cache_argument
from benchkit_plugins.recommenders.prompted.providers.local.prefix import SharedPrefix, shares
from benchkit_plugins.recommenders.prompted.providers.local.tokenizing import common_length

_SAMPLES = {"cpu": 320, "mps": 640, "cuda": 2560}  # at a time, where memory permits
_PROMPTS = {"cpu": 32, "mps": 96, "cuda": 512}  # at a time: a kill costs their answers
_MEMORY = 2 << 30  # bytes for keys and values, where the device does not say how much is free
_BLOCK = 256  # tokens

Drawn = tuple[int, list[list[int]], float]  # a prompt's index, its samples' tokens, its seconds


class Decoder:
    """Draws completions of prompts, as many prompts at a time as memory permits.

    A sample's numbers come from the seed and its prompt alone. Memory that runs out halves how many
    prompts are under way; those begun again draw the same.

    Args:
        causal: the model.
        sampling: how to draw.
    """

    def __init__(self, causal: Causal, sampling: Sampling) -> None:
        self._causal, self._sampling = causal, sampling
        # all samples of the likeliest answer are one
        self._samples = sampling.samples if sampling.temperature else 1

    def __call__(self, prompts: Sequence[list[int]]) -> Iterator[Drawn]:
        """Yield (index, tokens of each sample without the one that ended it, seconds).

        Long prompts come first.

        Args:
            prompts: their tokens, one at least in each.
        """
        if not prompts:
            return
        # read from the end, the longest first: memory runs out at once or never
        waiting = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
        prefix = self._prefix(prompts)
        with prefix.in_front() if prefix else nullcontext():
            yield from self._drawn(prompts, waiting, prefix)

    def _drawn(
        self, prompts: Sequence[list[int]], waiting: list[int], prefix: SharedPrefix | None
    ) -> Iterator[Drawn]:
        own = len(prompts[waiting[-1]]) - (prefix.length if prefix else 0)
        rows = self._together(own)
        while waiting:
            batch = waiting[-rows:]
            try:
                with memory_errors():
                    for place, written, seconds in self._draw([prompts[i] for i in batch], prefix):
                        waiting.remove(batch[place])
                        yield batch[place], written, seconds
                continue
            except torch.OutOfMemoryError:
                if rows == 1:
                    raise
            rows = max(1, min(rows, len(batch)) // 2)
            torch.cuda.empty_cache()  # behind the handler, whose traceback held the tensors

    def _together(self, longest: int) -> int:
        """Return how many prompts fit into memory at a time, if no sample equals another.

        `longest` leaves out what all begin with.
        """
        kind, memory = self._causal.device.type, _MEMORY
        if kind == "cuda":
            memory = torch.cuda.mem_get_info(self._causal.device)[0] // 2
        row = (longest + self._sampling.max_tokens) * _token_bytes(self._causal.model)
        samples = min(_SAMPLES[kind], memory // max(1, row))
        return max(1, min(samples // self._samples, _PROMPTS[kind]))

    @torch.inference_mode()
    def _prefix(self, prompts: Sequence[list[int]]) -> SharedPrefix | None:
        """Read what all prompts begin with; the last token of each is left to be answered."""
        shared = min(common_length(prompts), min(map(len, prompts)) - 1)
        if not shared or not shares(self._causal.model):
            return None
        return SharedPrefix(self._causal.model, prompts[0][:shared])

    @torch.inference_mode()
    def _draw(self, prompts: list[list[int]], prefix: SharedPrefix | None) -> Iterator[Drawn]:
        """Yield (place, samples' tokens, seconds) of each prompt as its last sample ends."""
        seconds = np.zeros(len(prompts))
        generators = [_generator(prompt, self._sampling.seed) for prompt in prompts]
        written: list[list[list[int]]] = [[[] for _ in range(self._samples)] for _ in prompts]
        # the row that each sample goes on from, -1 once it has ended
        row = np.repeat(np.arange(len(prompts))[:, None], self._samples, 1)
        started = time.perf_counter()
        rows = _Rows(self._causal.model, prompts, prefix)
        while True:
            numbers = np.stack([rng.random(self._samples) for rng in generators])
            going = row >= 0
            tokens = np.zeros_like(row)
            tokens[going] = self._tokens(rows.logits, row[going], numbers[going])
            for place, sample in np.argwhere(going).tolist():
                if self._ends(written[place][sample], int(tokens[place, sample])):
                    row[place, sample] = -1
            under_way = np.flatnonzero(going.any(1))
            going = row >= 0
            seconds[under_way] += (time.perf_counter() - started) / len(under_way)
            for place in under_way[~going[under_way].any(1)].tolist():
                yield place, written[place], float(seconds[place])
            if not going.any():
                return
            started = time.perf_counter()
            forks = np.stack([row[going], tokens[going]])
            (parents, following), fork = np.unique(forks, axis=1, return_inverse=True)
            row[going] = fork.ravel()
            rows.fork(parents, following)

    def _ends(self, written: list[int], token: int) -> bool:
        """Add a token to a sample, unless it is one that ends it; return whether it has ended."""
        sampling, chat = self._sampling, self._causal.chat
        if token in chat.stops:
            return True
        written.append(token)
        return len(written) == sampling.max_tokens or chat.gives_all(written, sampling.most)

    def _tokens(self, logits: Tensor, rows: Int64, numbers: npt.NDArray[np.float64]) -> Int64:
        """Return what each number draws behind its row, ``int64[numbers]``."""
        sampling, behind = self._sampling, torch.from_numpy(rows).to(logits.device)
        if not sampling.temperature:
            likeliest: Int64 = logits.argmax(1)[behind].cpu().numpy()
            return likeliest
        mass = torch.softmax(logits.float() / sampling.temperature, 1)  # [rows, V]
        if sampling.top_p < 1:
            mass = nucleus(mass, sampling.top_p)
        exact = torch.float32 if mass.device.type == "mps" else torch.float64
        uniform = torch.from_numpy(numbers).to(exact).to(mass.device)
        drawn: Int64 = inverse(mass, behind, uniform).cpu().numpy()
        return drawn


class _Rows:
    """What a model has read, a row for each beginning of an answer, prompt included.

    A model that remembers otherwise than by keys and values reads each row whole, again and again.

    Args:
        model: of transformers.
        prompts: the first rows' tokens.
        prefix: what they begin with, where that has been read.

    Attributes:
        logits: of what may follow each row, ``[rows, vocabulary]``.
    """

    def __init__(
        self, model: Any, prompts: Sequence[list[int]], prefix: SharedPrefix | None
    ) -> None:
        from transformers import DynamicCache

        self._start = prefix.length if prefix else 0
        texts = [torch.tensor(prompt[self._start :], device=model.device) for prompt in prompts]
        self._model, self._cache = model, None
        # states, unlike keys and values, would be masked in each model's own way
        if model._supports_default_dynamic_cache() and not model._is_stateful:
            self._cache = DynamicCache() if prefix else DynamicCache(config=model.config)
        lengths = torch.tensor(list(map(len, texts)), device=model.device)[:, None]
        tokens = pad_sequence(texts, batch_first=True, padding_side="left")
        columns = torch.arange(-tokens.shape[1], 0, device=model.device)
        self._read(tokens, (columns >= -lengths).long())

    def fork(self, parents: Int64, following: Int64) -> None:
        """Let row i be what row ``parents[i]`` was, and the token ``following[i]``."""
        device = self._model.device
        before = torch.from_numpy(parents).to(device)
        tokens, mask = torch.from_numpy(following).to(device)[:, None], self._mask[before]
        if self._cache is None:
            tokens = torch.cat([self._tokens[before], tokens], 1)
        elif not np.array_equal(parents, np.arange(len(self._mask))):
            self._cache.reorder_cache(before)
        self._read(tokens, torch.cat([mask, mask.new_ones(len(mask), 1)], 1))

    def _read(self, tokens: Tensor, mask: Tensor) -> None:
        self._tokens, self._mask = tokens, mask
        options: dict[str, Any] = {"use_cache": self._cache is not None}
        if self._cache is not None:
            options[cache_argument(self._model)] = self._cache
        if "position_ids" in inspect.signature(self._model.forward).parameters:
            places = self._start + (mask.cumsum(1) - 1).clamp(min=0)
            options["position_ids"] = places[:, -tokens.shape[1] :]
        sees = mask
        if self._start:  # as `SharedPrefix` reads it: who sees what, padding apart
            new, every = tokens.shape[1], mask.shape[1]
            sees = mask.new_ones(new, every).tril(every - new) * mask[:, None, None]
            sees = sees.bool()
        read = self._model(input_ids=tokens, attention_mask=sees, logits_to_keep=1, **options)
        self.logits: Tensor = read.logits[:, -1]


def _token_bytes(model: Any) -> int:
    """Return the bytes of a token's keys and values."""
    config = model.config.get_text_config()
    heads = getattr(config, "num_attention_heads", 0)  # none where states do not grow
    size = getattr(config, "head_dim", None) or config.hidden_size // max(1, heads)
    heads = getattr(config, "num_key_value_heads", None) or heads
    return int(2 * config.num_hidden_layers * heads * size * model.dtype.itemsize)


def _generator(prompt: Sequence[int], seed: int) -> np.random.Generator:
    digest = hashlib.sha256(np.array(prompt, dtype=np.int64).tobytes()).digest()
    return np.random.default_rng([seed, int.from_bytes(digest[:8], "big")])


def inverse(mass: Tensor, rows: Tensor, numbers: Tensor) -> Tensor:
    """Return the tokens at places of cumulative distributions: first a block of them, then in it.

    Adding up whole vocabularies takes longer, and more than float32: rare tokens are lost in it.

    Args:
        mass: of each token, any sum, ``[N, vocabulary]``.
        rows: the distribution of each number, ``int64[n]``.
        numbers: uniform in [0, 1), ``[n]``, in the precision to add up in.

    Returns:
        ``int64[n]``, none of them without mass.
    """
    filled = F.pad(mass, (0, -mass.shape[1] % _BLOCK))
    blocks = filled.view(len(mass), -1, _BLOCK)  # [N, blocks, 256]
    below = blocks.sum(2).to(numbers.dtype).cumsum(1)  # [N, blocks]
    block, rest = _step_down(below[rows], numbers)
    token, _ = _step_down(blocks[rows, block].to(numbers.dtype).cumsum(1), rest)
    return block * _BLOCK + token


def _step_down(below: Tensor, numbers: Tensor) -> tuple[Tensor, Tensor]:
    """Return in which step of its cumulative mass each number lies, and how far inside it."""
    last = below[:, -1]
    # rounding up to the end would leave it
    wanted = torch.minimum(numbers * last, last * (1 - torch.finfo(below.dtype).eps))[:, None]
    steps = torch.searchsorted(below, wanted, right=True)  # [n, 1]
    start = F.pad(below, (1, 0)).gather(1, steps)
    return steps[:, 0], ((wanted - start) / (below.gather(1, steps) - start))[:, 0]


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
