"""Probes whether a shortcut reads texts as the model itself does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

# Where the tokens of a proof stand in the vocabulary. Control tokens stand at its ends.
_SHARES = (
    (0.5, 0.3, 0.7, 0.4, 0.6),
    (0.2, 0.25, 0.22, 0.27, 0.31),
    (0.8, 0.75, 0.7, 0.65, 0.6),
)


def probe_texts(model: Any) -> Iterator[Tensor]:
    """Yield a few short texts of tokens that a model has learnt, ``int64[5]`` each.

    A model that is fine-tuned amplifies the rounding of some texts, in bfloat16, beyond all
    comparison (SmolLM2: logits off by 18 of 30 on control tokens). So one of these texts is proof.
    """
    size = model.config.vocab_size
    for shares in _SHARES:
        yield torch.tensor([int(share * size) for share in shares], device=model.device)


def logits_match(logits: Tensor, expected: Tensor) -> bool:
    """Return whether logits differ by rounding alone."""
    rounding = torch.finfo(logits.dtype).eps ** 0.5 * expected.abs().max()
    return bool((logits - expected).abs().max() <= rounding)
