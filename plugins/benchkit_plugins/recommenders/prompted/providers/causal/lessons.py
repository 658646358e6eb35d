"""What a model is fine-tuned on, as tokens, and as batches of like length."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from benchkit import UnavailableError
from benchkit.contracts.prompted import Example
from benchkit_plugins.recommenders.neural.hardware import aligned
from benchkit_plugins.recommenders.prompted.providers.causal.chat import Chat
from benchkit_plugins.recommenders.prompted.providers.causal.tree import Ints, common_length

_SORTED = 16  # batches that are drawn at a time and then sorted by length


@dataclass(frozen=True)
class Lesson:
    """A prompt and its answer.

    Attributes:
        tokens: of both.
        answer: how many of them, at the end, are the answer's.
    """

    tokens: list[int]
    answer: int


@dataclass(frozen=True)
class Page:
    """Lessons that are read together, padded in front, so that they end together.

    Attributes:
        tokens: those to be read, ``int64[lessons, longest]``.
        mask: which of those read before and of these are no padding, ``int64[lessons, known +
            longest]``; None where all are.
        positions: how far each is from its lesson's beginning, ``int64[lessons, longest]``.
        targets: tokens to be predicted, the last ones, ``int64[lessons, predicted]``; 0 where none
            is.
        weights: of each in the loss, 0 where none is, ``float32[lessons, predicted]``.
    """

    tokens: Tensor
    mask: Tensor | None
    positions: Tensor
    targets: Tensor
    weights: Tensor


def lessons_of(
    examples: Sequence[Example], chat: Chat, longest: int, report: Callable[[str], None]
) -> list[Lesson]:
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
        told = f"{cut:,} of {len(examples):,} examples are longer than the {longest:,} tokens that "
        told += "the model reads (last_n_items shows it fewer items)"
        if cut == len(examples):
            raise UnavailableError(told)
        report(f"{told}; their beginnings are left out")
    # one token before the answer is needed to predict its first
    return [
        Lesson((prompt + answer)[-longest:], min(len(answer), longest - 1))
        for prompt, answer in zip(prompts, answers, strict=True)
    ]


def batches(lessons: Sequence[Lesson], size: int, rng: np.random.Generator) -> list[Ints]:
    """Return the rows of an epoch's batches: drawn anew, and of like length within a batch."""
    lengths = np.array([len(lesson.tokens) for lesson in lessons])
    order = rng.permutation(len(lessons))
    found: list[Ints] = []
    for start in range(0, len(order), size * _SORTED):
        drawn = order[start : start + size * _SORTED]
        alike = drawn[np.argsort(lengths[drawn], kind="stable")]
        found += [alike[first : first + size] for first in range(0, len(alike), size)]
    return [found[place] for place in rng.permutation(len(found))]


def known_length(lessons: Sequence[Lesson]) -> int:
    """Return how many tokens all lessons begin with, up to where one has to be answered."""
    asked = (len(lesson.tokens) - lesson.answer - 1 for lesson in lessons)
    return min(common_length([lesson.tokens for lesson in lessons]), *asked)


def unit(length: int) -> int:
    """Return what to round a length to multiples of, so that few lengths differ: an eighth of it.

    Of lengths from one power of two to the next eight are left.
    """
    return 1 << max(0, length.bit_length() - 4)


def weight_of(lessons: Sequence[Lesson], known: int, prompt_weight: float) -> float:
    """Return what the predicted tokens of some lessons weigh together; arguments as in `padded`."""
    answers = sum(lesson.answer for lesson in lessons)
    predicted = sum(len(lesson.tokens) - known - 1 for lesson in lessons)
    return answers + prompt_weight * (predicted - answers)


def padded(
    lessons: Sequence[Lesson],
    device: torch.device,
    known: int = 0,
    prompt_weight: float = 0.0,
    few: bool = False,
) -> Page:
    """Return lessons laid out to be read together.

    Args:
        lessons: at least one.
        device: where to.
        known: tokens at the beginning of each that have been read already.
        prompt_weight: of the prompts' tokens, those of answers weigh 1; 0: they are not predicted.
            The first that is read never is.
        few: round up how many tokens are read and predicted at a time, see `unit`.
    """

    def rounded(length: int) -> int:
        return aligned(length, unit(length)) if few else length

    longest = rounded(max(len(lesson.tokens) for lesson in lessons) - known)
    widest = longest - 1  # the first is read, not predicted
    if not prompt_weight:
        widest = min(widest, rounded(max(lesson.answer for lesson in lessons)))
    tokens = torch.zeros(len(lessons), longest, dtype=torch.int64)  # [B, T]
    mask = torch.zeros_like(tokens)  # [B, T]
    targets = torch.zeros(len(lessons), widest, dtype=torch.int64)  # [B, P]
    weights = torch.zeros(len(lessons), widest)  # [B, P]
    for row, lesson in enumerate(lessons):
        new = lesson.tokens[known:]
        tokens[row, longest - len(new) :] = torch.tensor(new)
        mask[row, longest - len(new) :] = 1
        predicted = len(new) - 1 if prompt_weight else lesson.answer
        targets[row, widest - predicted :] = torch.tensor(new[len(new) - predicted :])
        weights[row, widest - predicted :] = prompt_weight
        weights[row, widest - lesson.answer :] = 1
    positions = known + (mask.cumsum(1) - 1).clamp(min=0)  # [B, T]
    seen = torch.cat([mask.new_ones(len(lessons), known), mask], dim=1)  # [B, known + T]
    return Page(
        tokens.to(device),
        # without padding attention needs no mask, and is quicker
        None if bool(mask.all()) else seen.to(device),
        positions.to(device),
        targets.to(device),
        weights.to(device),
    )
