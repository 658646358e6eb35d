"""What a quick way to read has to show of each model: that it reads as the model itself does."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def tokens_amid(model: Any, *shares: float) -> Tensor:
    """Return the tokens at some shares of a model's vocabulary, ``int64[tokens]``.

    Control tokens stand at its ends. A model that has not learnt them amplifies rounding: SmolLM2,
    fine-tuned, in bfloat16, is wrong by 18 there, and by 0.6 amid its vocabulary.
    """
    size = model.config.vocab_size
    return torch.tensor([int(share * size) for share in shares], device=model.device)


def agree(found: Tensor, expected: Tensor) -> bool:
    """Return whether logits differ by rounding alone."""
    rounding = torch.finfo(found.dtype).eps ** 0.5 * expected.abs().max()
    return bool((found - expected).abs().max() <= rounding)
