"""Chat completions of OpenAI's protocol: what is sent, and how hostile answers are read."""

from __future__ import annotations

from typing import Any

from benchkit.contracts.prompted import Conversation
from benchkit_plugins.language_models import openai
from benchkit_plugins.language_models.calls import CallError, scrubbed
from benchkit_plugins.language_models.tokens import well_formed
from benchkit_plugins.recommenders.prompted.providers.contract import Sampling
from benchkit_plugins.recommenders.prompted.providers.hosted.answers import Answer

REFUSING = (400, 413, 422)  # statuses of a request that is not taken, which say nothing of others
# Codes of errors which mean that a prompt's content is not answered.
_CONTENT = ("content_filter", "content_policy_violation", "invalid_prompt")


def messages(conversation: Conversation) -> list[dict[str, str]]:
    """Return a conversation as the protocol takes it."""
    return [{"role": turn.role, "content": well_formed(turn.content)} for turn in conversation]


def request(
    model: str, prompt: Conversation, sampling: Sampling, count: int, seed: int, own: bool
) -> dict[str, Any]:
    """Return the body of a request for `count` completions.

    `own` says whether OpenAI itself is asked: other servers know only the older name of the
    longest completion.
    """
    return {
        "model": model,
        "messages": messages(prompt),
        "n": count,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "max_completion_tokens" if own else "max_tokens": sampling.max_tokens,
        "seed": seed,
    }


def refusal(error: object, reason: str, count: int) -> Answer:
    """Return the answer to a request that is refused: empty texts where it is for its content.

    Args:
        error: the object ``error`` of the response's body.
        reason: what to say of it, free of secrets.
        count: completions that were asked for.
    """
    code = fields(error).get("code")
    if code in _CONTENT:
        return Answer([""] * count, 0, 0)
    kinds = [word for word in (code, fields(error).get("type")) if isinstance(word, str)]
    kind = f" ({scrubbed(', '.join(kinds), openai.key())})" if kinds else ""
    return Answer([], 0, 0, reason + kind)


def read(body: object, count: int) -> Answer:
    """Return at most `count` completions of a response.

    Raises:
        CallError: it holds none.
    """
    answer = fields(body)
    choices = answer.get("choices")
    if not isinstance(choices, list) or not choices:
        raise CallError("openai returned no completion", again=True, billed=True)
    usage = fields(answer.get("usage"))
    return Answer(
        [_text(fields(choice)) for choice in choices[:count]],
        _tokens(usage.get("prompt_tokens")),
        _tokens(usage.get("completion_tokens")),
    )


def _text(choice: dict[str, Any]) -> str:
    message = fields(choice.get("message"))
    content = message.get("content")
    refused = message.get("refusal") or choice.get("finish_reason") == "content_filter"
    return well_formed(content) if isinstance(content, str) and not refused else ""


def _tokens(count: object) -> int | None:
    return count if isinstance(count, int) and count >= 0 else None


def fields(value: object) -> dict[str, Any]:
    """Return a JSON object, an empty one where the value is none."""
    return value if isinstance(value, dict) else {}
