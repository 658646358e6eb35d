"""Examples to fine-tune on, as tokens, and as batches of like length."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from benchkit import UnavailableError
from benchkit.contracts.arrays import Int64
from benchkit.contracts.prompted import Example
from benchkit_plugins.hardware import aligned
from benchkit_plugins.recommenders.prompted.providers.local.chat import Chat

_SORTED = 16  # batches that are drawn at a time and then sorted by length


@dataclass(frozen=True)
class TokenizedExample:
    """A prompt and its answer.

    Attributes:
        tokens: of both.
        answer: how many of them, at the end, are the answer's.
    """

    tokens: list[int]
    answer: int


@dataclass(frozen=True)
class PaddedBatch:
    """Examples that are read together, padded in front, so that they end together.

    Attributes:
        tokens: those to be read, ``int64[examples, longest]``.
        mask: which of those read before and of these are no padding, ``int64[examples, start +
            longest]``; None where all are.
        positions: how far each is from its example's beginning, ``int64[examples, longest]``.
        targets: tokens to be predicted, the last ones, ``int64[examples, predicted]``; 0 where none
            is.
        weights: of each in the loss, 0 where none is, ``float32[examples, predicted]``.
    """

    tokens: Tensor
    mask: Tensor | None
    positions: Tensor
    targets: Tensor
    weights: Tensor


def tokenize(
    examples: Sequence[Example], chat: Chat, longest: int, report: Callable[[str], None]
) -> list[TokenizedExample]:
    """Return the examples as tokens; of one that is too long the beginning is left out.

    Args:
        examples: prompts and their answers.
        chat: how the model wants them.
        longest: tokens that the model reads.
        report: told how many are too long, if any.

    Raises:
        UnavailableError: all are.
    """
    prompts = chat.prompts([example.prompt for example in examples])
    answers = chat.completions([example.completion for example in examples])
    cut = sum(len(p) + len(a) > longest for p, a in zip(prompts, answers, strict=True))
    if cut:
        problem = (
            f"{cut:,} of {len(examples):,} examples are longer than the {longest:,} tokens that "
        )
        problem += "the model reads (last_n_items shows it fewer items)"
        if cut == len(examples):
            raise UnavailableError(problem)
        report(f"{problem}; their beginnings are left out")
    # one token before the answer is needed to predict its first
    return [
        TokenizedExample((prompt + answer)[-longest:], min(len(answer), longest - 1))
        for prompt, answer in zip(prompts, answers, strict=True)
    ]


def batches(
    examples: Sequence[TokenizedExample], size: int, rng: np.random.Generator
) -> list[Int64]:
    """Return the rows of an epoch's batches: drawn again, and of like length within a batch."""
    lengths = np.array([len(example.tokens) for example in examples])
    order = rng.permutation(len(examples))
    groups: list[Int64] = []
    for start in range(0, len(order), size * _SORTED):
        drawn = order[start : start + size * _SORTED]
        alike = drawn[np.argsort(lengths[drawn], kind="stable")]
        groups += [alike[first : first + size] for first in range(0, len(alike), size)]
    return [groups[place] for place in rng.permutation(len(groups))]


def common_length(texts: Sequence[list[int]]) -> int:
    """Return how many tokens all texts begin with; there is one text at least."""
    low, high = min(texts), max(texts)  # what these two share, all between them share
    pairs = enumerate(zip(low, high, strict=False))
    return next((place for place, (a, b) in pairs if a != b), len(low))


def prefix_length(examples: Sequence[TokenizedExample]) -> int:
    """Return how many tokens all examples begin with, up to where one has to be answered."""
    before = (len(example.tokens) - example.answer - 1 for example in examples)
    return min(common_length([example.tokens for example in examples]), *before)


def unit(length: int) -> int:
    """Return a unit to round a length up to, an eighth of it, so that few lengths differ.

    Of lengths from one power of two to the next eight are left.
    """
    return 1 << max(0, length.bit_length() - 4)


def weight_of(examples: Sequence[TokenizedExample], start: int, prompt_weight: float) -> float:
    """Return the total weight of the predicted tokens; arguments as in `padded`."""
    answers = sum(example.answer for example in examples)
    predicted = sum(len(example.tokens) - start - 1 for example in examples)
    return answers + prompt_weight * (predicted - answers)


def padded(
    examples: Sequence[TokenizedExample],
    device: torch.device,
    start: int = 0,
    prompt_weight: float = 0.0,
    few: bool = False,
) -> PaddedBatch:
    """Return examples laid out to be read together.

    Args:
        examples: at least one.
        device: where to.
        start: tokens at the beginning of each that have been read already.
        prompt_weight: of the prompts' tokens, those of answers weigh 1; 0: they are not predicted.
            The first that is read never is.
        few: round up how many tokens are read and predicted at a time, see `unit`.
    """

    def rounded(length: int) -> int:
        return aligned(length, unit(length)) if few else length

    longest = rounded(max(len(example.tokens) for example in examples) - start)
    widest = longest - 1  # the first is read, not predicted
    if not prompt_weight:
        widest = min(widest, rounded(max(example.answer for example in examples)))
    tokens = torch.zeros(len(examples), longest, dtype=torch.int64)  # [B, T]
    mask = torch.zeros_like(tokens)  # [B, T]
    targets = torch.zeros(len(examples), widest, dtype=torch.int64)  # [B, P]
    weights = torch.zeros(len(examples), widest)  # [B, P]
    for row, example in enumerate(examples):
        new = example.tokens[start:]
        tokens[row, longest - len(new) :] = torch.tensor(new)
        mask[row, longest - len(new) :] = 1
        predicted = len(new) - 1 if prompt_weight else example.answer
        targets[row, widest - predicted :] = torch.tensor(new[len(new) - predicted :])
        weights[row, widest - predicted :] = prompt_weight
        weights[row, widest - example.answer :] = 1
    positions = start + (mask.cumsum(1) - 1).clamp(min=0)  # [B, T]
    seen = torch.cat([mask.new_ones(len(examples), start), mask], dim=1)  # [B, start + T]
    return PaddedBatch(
        tokens.to(device),
        # without padding attention needs no mask, and is quicker
        None if bool(mask.all()) else seen.to(device),
        positions.to(device),
        targets.to(device),
        weights.to(device),
    )
