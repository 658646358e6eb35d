"""How many tokens texts have before a service has counted them, and how they fill requests.

The rule: a third of a text's ASCII characters and half of its other bytes, each rounded up, and one
more. For titles that errs on the high side.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from benchkit.contracts.arrays import Int64

_INSTRUCTION = 1000  # tokens that a server may put around a text


def estimated_tokens(text: str) -> int:
    """Return about how many tokens a text has, rather too many."""
    if text.isascii():
        return math.ceil(len(text) / 3) + 1
    ascii_size = len(text.encode("ascii", "ignore"))
    size = len(text.encode("utf-8", "replace"))
    return math.ceil(ascii_size / 3) + math.ceil((size - ascii_size) / 2) + 1


def plausible_tokens(count: object, texts: Sequence[str]) -> int | None:
    """Return the tokens that a service says it has read, None where that cannot be right.

    Some count nothing, or say 0; none reads many more tokens than a text has bytes.
    """
    if isinstance(count, bool) or not isinstance(count, (int, float)):
        return None
    most = sum(_INSTRUCTION + len(text.encode("utf-8", "replace")) for text in texts)
    return int(count) if 0 < count <= most else None


def well_formed(text: str) -> str:
    """Return a text fit for JSON and tokenizers: a lone surrogate becomes a question mark."""
    return text.encode("utf-8", "replace").decode()


def sendable(text: str, tokens: int) -> str:
    """Return a text fit for JSON, cut where it is estimated to exceed `tokens`."""
    clean = well_formed(text)
    while estimated_tokens(clean) > tokens:
        clean = clean[: max(1, int(len(clean) * tokens / estimated_tokens(clean)) - 1)]
    return clean


def packed(texts: Sequence[str], most_texts: int, most_tokens: int) -> Iterator[list[int]]:
    """Yield rows of texts, in order, that fit into one request by the estimated tokens."""
    rows: list[int] = []
    used = 0
    for row, text in enumerate(texts):
        tokens = estimated_tokens(text)
        if rows and (len(rows) == most_texts or used + tokens > most_tokens):
            yield rows
            rows, used = [], 0
        rows.append(row)
        used += tokens
    if rows:
        yield rows


def batches_by_length(lengths: Int64, tokens: int) -> Iterator[Int64]:
    """Yield rows of similar length, the longest first: memory runs out at once or never.

    Args:
        lengths: tokens of each text, ``int64[texts]``.
        tokens: most tokens a batch, padding included; one text at least is in each.
    """
    order = np.argsort(-lengths, kind="stable")
    start = 0
    while start < len(order):
        stop = start + max(1, tokens // max(1, int(lengths[order[start]])))
        yield order[start:stop]
        start = stop
