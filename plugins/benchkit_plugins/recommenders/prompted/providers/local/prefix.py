"""The common prefix of a step's examples, read once for all of them.

The loss and its gradients are those of examples read one by one; only what is dropped at random is
shared. Where prompts list a catalog's categories, that is most of what there is to read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from benchkit_plugins.recommenders.prompted.providers.local.loading import cache_argument

# Where the tokens of a proof stand in the vocabulary. Control tokens stand at its ends.
_SHARES = (
    (0.5, 0.3, 0.7, 0.4, 0.6),
    (0.2, 0.25, 0.22, 0.27, 0.31),
    (0.8, 0.75, 0.7, 0.65, 0.6),
)


class Prefix:
    """Keys and values of tokens of a prefix that texts share, and the gradients that reach them.

    Texts are learnt from in parts. Each part's gradients end at copies of the keys and values; once
    all parts are done, `backward` takes their sum through the prefix itself.

    Args:
        model: of transformers, one that `continues`.
        tokens: the common prefix, at least one.

    Attributes:
        length: how many tokens that is.
    """

    def __init__(self, model: Any, tokens: Sequence[int]) -> None:
        from transformers import DynamicCache

        self.length, cache = len(tokens), DynamicCache()
        ids = torch.tensor([tokens], device=model.device)  # [1, P]
        model(input_ids=ids, use_cache=True, logits_to_keep=1, **{cache_argument(model): cache})
        self._read = [tensor for layer in cache.layers for tensor in (layer.keys, layer.values)]
        self._copies = [
            tensor.detach().requires_grad_(tensor.requires_grad) for tensor in self._read
        ]

    def cache(self, texts: int) -> Any:
        """Return a fresh cache that holds the prefix of so many texts."""
        from transformers import DynamicCache

        cache = DynamicCache()
        pairs = zip(self._copies[::2], self._copies[1::2], strict=True)
        for layer, (keys, values) in enumerate(pairs):  # [1, H, P, D] each
            cache.update(keys.expand(texts, -1, -1, -1), values.expand(texts, -1, -1, -1), layer)
        return cache

    def backward(self) -> None:
        """Add the gradients of all parts so far to those of the model's variables."""
        reached: list[tuple[Tensor, Tensor]] = [
            (original, copy.grad)
            for original, copy in zip(self._read, self._copies, strict=True)
            if copy.grad is not None
        ]
        if reached:
            original, gradients = zip(*reached, strict=True)
            torch.autograd.backward(original, gradients)


def probe_texts(model: Any) -> Iterator[Tensor]:
    """Yield a few short texts of tokens that a model has learnt, ``int64[5]`` each.

    A model that is fine-tuned amplifies the rounding of some texts, in bfloat16, beyond all
    comparison (SmolLM2: logits off by 18 of 30 on control tokens). So one of these texts is proof.
    """
    size = model.config.vocab_size
    for shares in _SHARES:
        yield torch.tensor([int(share * size) for share in shares], device=model.device)


@torch.no_grad()
def continues(model: Any) -> bool:
    """Return whether a model reads on behind a prefix as if it had read all at once.

    One that looks back only so far, or remembers otherwise than by keys and values, does not. The
    proof is a short text, read both ways.
    """
    if getattr(model.config, "sliding_window", None):
        return False
    training = model.training
    model.eval()
    try:
        return any(_continues(model, text[None, :4]) for text in probe_texts(model))
    except Exception:  # whatever it says, it does not continue
        return False
    finally:
        model.train(training)


def _continues(model: Any, text: Tensor) -> bool:
    expected = model(input_ids=text, use_cache=False).logits[:, 2:]  # [1, 2, V]
    cache = Prefix(model, text[0, :2].tolist()).cache(1)
    places = torch.arange(2, 4, device=model.device)[None]
    arguments = {"position_ids": places, "use_cache": True, cache_argument(model): cache}
    logits = model(input_ids=text[:, 2:], **arguments).logits
    rounding = torch.finfo(logits.dtype).eps ** 0.5 * expected.abs().max()
    return bool((logits - expected).abs().max() <= rounding)
