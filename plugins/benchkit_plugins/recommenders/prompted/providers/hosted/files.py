"""Training pairs as files of a service, refused before a service would refuse them.

One line a pair, all ASCII: an unpaired surrogate becomes a question mark, whatever else a title
holds arrives as it is, and no exotic line end splits a line.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from benchkit import DataError
from benchkit.contracts.prompted import Conversation, Example, Message, Pairs
from benchkit_plugins.language_models.tokens import estimated_tokens


@dataclass(frozen=True)
class Limits:
    """Limits of a service's training files.

    Attributes:
        service: its name.
        tokens: most tokens a pair.
        size: most bytes a file.
        fewest: fewest pairs to train on.
        train: most pairs to train on, None for no limit.
        validation: most pairs to validate on, None for no limit.
    """

    service: str
    tokens: int
    size: int
    fewest: int
    train: int | None = None
    validation: int | None = None


def training_files(
    pairs: Pairs, limits: Limits, line: Callable[[Example], dict[str, Any]]
) -> dict[str, str]:
    """Return the contents of ``train`` and ``validation``.

    Args:
        pairs: the examples.
        limits: what the service takes.
        line: an example as the service takes it.

    Raises:
        DataError: the service would refuse them; the message says which pair and why.
    """
    if len(pairs.train) < limits.fewest:
        raise DataError(
            f"{limits.service} fine-tunes on at least {limits.fewest} pairs, not {len(pairs.train)}"
        )
    return {
        "train": _file(pairs.train, limits, line, "train", limits.train),
        "validation": _file(pairs.validation, limits, line, "validation", limits.validation),
    }


def answered(example: Example) -> Conversation:
    """Return an example's prompt with the answer that is wanted."""
    return (*example.prompt, Message("assistant", example.completion))


def tokens_of(conversation: Conversation) -> int:
    """Return about how many tokens a conversation has, rather too many."""
    return sum(estimated_tokens(turn.content) + 4 for turn in conversation)


def _file(
    examples: Sequence[Example],
    limits: Limits,
    line: Callable[[Example], dict[str, Any]],
    part: str,
    most: int | None,
) -> str:
    if most is not None and len(examples) > most:
        raise DataError(
            f"{limits.service} takes at most {most:,} {part} pairs, not {len(examples):,}"
        )
    for number, example in enumerate(examples, 1):
        if problem := _problem(example, limits):
            raise DataError(f"{limits.service} would refuse {part} pair {number}: {problem}")
    content = "".join(json.dumps(line(example)) + "\n" for example in examples)
    if len(content) > limits.size:
        raise DataError(
            f"{limits.service} takes {part} files of at most {limits.size:,} bytes, not "
            f"{len(content):,}; train on fewer sessions (train_sessions)"
        )
    return content


def _problem(example: Example, limits: Limits) -> str | None:
    """Return why a service would refuse a pair, or None."""
    roles = [turn.role for turn in example.prompt]
    turns = roles[1:] if roles[:1] == ["system"] else roles
    if len(turns) % 2 == 0 or turns != (["user", "assistant"] * len(turns))[: len(turns)]:
        return (
            "a prompt is a system message or none, then user and assistant in turn, the user last, "
            f"not {', '.join(roles) or 'nothing'}"
        )
    if not example.completion.strip():
        return "its completion is empty"
    if any(not turn.content.strip() for turn in example.prompt):
        return "a message of its prompt is empty"
    tokens = tokens_of(answered(example))
    if tokens > limits.tokens:
        return f"it has about {tokens:,} tokens, and {limits.tokens:,} are the most"
    return None
