"""What a model is fine-tuned on, as tokens, and as batches of like length."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from benchkit.contracts.prompted import Example
from benchkit_plugins.recommenders.prompted.providers.causal.chat import Chat
from benchkit_plugins.recommenders.prompted.providers.causal.tree import Ints

_SORTED = 16  # batches that are drawn at a time and then sorted by length
_IGNORED = -100  # what torch's cross-entropy leaves out


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
    """Lessons that are read together, padded in front, so that answers end together.

    Attributes:
        tokens: ``int64[lessons, longest]``.
        mask: which of them are no padding, ``int64[lessons, longest]``; None where all are.
        positions: how far each is from its lesson's beginning, ``int64[lessons, longest]``.
        targets: tokens to be predicted, ``int64[lessons, longest answer]``; -100 where none is.
    """

    tokens: Tensor
    mask: Tensor | None
    positions: Tensor
    targets: Tensor


def lessons_of(
    examples: Sequence[Example], chat: Chat, longest: int, report: Callable[[str], None]
) -> list[Lesson]:
    """Return the examples as tokens; of one that is too long the beginning is left out.

    Args:
        examples: prompts and their answers.
        chat: how the model wants them.
        longest: tokens that the model reads.
        report: told how many are too long, if any.
    """
    prompts = chat.prompts([example.prompt for example in examples])
    answers = chat.completions([example.completion for example in examples])
    cut = sum(len(p) + len(a) > longest for p, a in zip(prompts, answers, strict=True))
    if cut:
        report(
            f"{cut:,} of {len(examples):,} examples are longer than the {longest:,} tokens that "
            "the model reads; their beginnings are left out"
        )
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


def padded(lessons: Sequence[Lesson], device: torch.device) -> Page:
    """Return lessons laid out to be read together."""
    longest = max(len(lesson.tokens) for lesson in lessons)
    widest = max(lesson.answer for lesson in lessons)
    tokens = torch.zeros(len(lessons), longest, dtype=torch.int64)  # [B, T]
    mask = torch.zeros_like(tokens)  # [B, T]
    targets = torch.full((len(lessons), widest), _IGNORED)  # [B, A]
    for row, lesson in enumerate(lessons):
        tokens[row, longest - len(lesson.tokens) :] = torch.tensor(lesson.tokens)
        mask[row, longest - len(lesson.tokens) :] = 1
        targets[row, widest - lesson.answer :] = torch.tensor(lesson.tokens[-lesson.answer :])
    positions = (mask.cumsum(1) - 1).clamp(min=0)  # [B, T]
    return Page(
        tokens.to(device),
        # without padding attention needs no mask, and is quicker
        None if bool(mask.all()) else mask.to(device),
        positions.to(device),
        targets.to(device),
    )
