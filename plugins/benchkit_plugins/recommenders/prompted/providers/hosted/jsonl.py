"""Training pairs as files of OpenAI and Vertex AI, refused before a service would refuse them.

One line a pair, all ASCII: an unpaired surrogate becomes a question mark, whatever else a title
holds arrives as it is, and no exotic line end splits a line.

Sources: https://platform.openai.com/docs/guides/supervised-fine-tuning,
https://cloud.google.com/vertex-ai/generative-ai/docs/models/gemini-supervised-tuning
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from benchkit import DataError
from benchkit.contracts.prompted import Conversation, Example, Message, Pairs
from benchkit_plugins.language_models.tokens import estimated_tokens, well_formed


@dataclass(frozen=True)
class Limits:
    """What a service takes.

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


OPENAI = Limits("openai", 65_536, 512_000_000, 10)
VERTEX = Limits("vertex", 131_072, 1_000_000_000, 1, 1_000_000, 5_000)


def exports(pairs: Pairs) -> dict[str, str]:
    """Return the pairs as both services take them: contents of files, by file name.

    Raises:
        DataError: a service would refuse them; the message says which pair and why.
    """
    return {
        f"{service}-{part}.jsonl": content
        for service, made in (("openai", openai_files), ("vertex", vertex_files))
        for part, content in made(pairs).items()
    }


def openai_files(pairs: Pairs) -> dict[str, str]:
    """Return the contents of ``train`` and ``validation`` for OpenAI; raises as `exports`."""
    return _files(pairs, OPENAI, lambda e: {"messages": messages(answered(e))})


def vertex_files(pairs: Pairs) -> dict[str, str]:
    """Return the contents of ``train`` and ``validation`` for Vertex AI; raises as `exports`."""
    return _files(pairs, VERTEX, lambda e: contents(answered(e)))


def messages(conversation: Conversation) -> list[dict[str, str]]:
    """Return a conversation as OpenAI takes it."""
    return [{"role": each.role, "content": well_formed(each.content)} for each in conversation]


def contents(conversation: Conversation) -> dict[str, Any]:
    """Return a conversation as Vertex AI takes it."""
    parts = [(each.role, [{"text": well_formed(each.content)}]) for each in conversation]
    system = [{"role": role, "parts": part} for role, part in parts if role == "system"]
    roles = {"user": "user", "assistant": "model"}
    turns = [{"role": roles[role], "parts": part} for role, part in parts if role != "system"]
    return {**({"systemInstruction": system[0]} if system else {}), "contents": turns}


def answered(example: Example) -> Conversation:
    """Return an example's prompt with the answer that is wanted."""
    return (*example.prompt, Message("assistant", example.completion))


def tokens_of(conversation: Conversation) -> int:
    """Return about how many tokens a conversation has, rather too many."""
    return sum(estimated_tokens(each.content) + 4 for each in conversation)


def _files(
    pairs: Pairs, limits: Limits, line: Callable[[Example], dict[str, Any]]
) -> dict[str, str]:
    if len(pairs.train) < limits.fewest:
        raise DataError(
            f"{limits.service} fine-tunes on at least {limits.fewest} pairs, not {len(pairs.train)}"
        )
    return {
        "train": _file(pairs.train, limits, line, "train", limits.train),
        "validation": _file(pairs.validation, limits, line, "validation", limits.validation),
    }


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
    roles = [each.role for each in example.prompt]
    turns = roles[1:] if roles[:1] == ["system"] else roles
    if len(turns) % 2 == 0 or turns != (["user", "assistant"] * len(turns))[: len(turns)]:
        return (
            "a prompt is a system message or none, then user and assistant in turn, the user last, "
            f"not {', '.join(roles) or 'nothing'}"
        )
    if not example.completion.strip():
        return "its completion is empty"
    if any(not each.content.strip() for each in example.prompt):
        return "a message of its prompt is empty"
    tokens = tokens_of(answered(example))
    if tokens > limits.tokens:
        return f"it has about {tokens:,} tokens, and {limits.tokens:,} are the most"
    return None
