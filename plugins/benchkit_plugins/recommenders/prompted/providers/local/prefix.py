"""What texts begin with in common, read once for all of them.

Where prompts list a catalog's categories, that is most of what there is to read. In training, the
loss and its gradients are those of examples read one by one; only what is dropped at random is
shared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from benchkit_plugins.recommenders.prompted.providers.local.loading import cache_argument

_NAME = "benchkit-prefix"  # of our attention among those of transformers
_SCORES = 1 << 22  # products of queries and keys at a time
# Where the tokens of a proof stand in the vocabulary. Control tokens stand at its ends.
_SHARES = (
    (0.5, 0.3, 0.7, 0.4, 0.6),
    (0.2, 0.25, 0.22, 0.27, 0.31),
    (0.8, 0.75, 0.7, 0.65, 0.6),
)


def _read(model: Any, tokens: Sequence[int]) -> Any:
    """Return a cache that holds the keys and values of some tokens, ``[1, H, P, D]`` a layer."""
    from transformers import DynamicCache

    cache = DynamicCache()
    ids = torch.tensor([tokens], device=model.device)  # [1, P]
    model(input_ids=ids, use_cache=True, logits_to_keep=1, **{cache_argument(model): cache})
    return cache


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
        self.length = len(tokens)
        cache = _read(model, tokens)
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


class SharedPrefix:
    """Keys and values of what all rows of a batch begin with, which their caches do not hold.

    A row's own copy would be most of its memory, and most of what each step reads and writes. On a
    CPU attention computes in float32, whatever the model does: oneDNN, which multiplies bfloat16
    there, keeps memory for each new number of keys, which comes to gigabytes.

    Args:
        model: of transformers, one that `shares`.
        tokens: the common prefix, at least one.

    Attributes:
        length: how many tokens that is.
    """

    def __init__(self, model: Any, tokens: Sequence[int]) -> None:
        self.length, self._model = len(tokens), model
        cache = _read(model, tokens)
        self._dtype = torch.float32 if model.device.type == "cpu" else model.dtype
        # [H, P, D] each
        self._read = [
            (layer.keys[0].to(self._dtype), layer.values[0].to(self._dtype))
            for layer in cache.layers
        ]

    @contextmanager
    def in_front(self) -> Iterator[None]:
        """Let the model see the prefix in front of whatever it reads."""
        from transformers import AttentionInterface

        own = self._model.config._attn_implementation
        AttentionInterface.register(_NAME, self._attend)
        self._model.set_attn_implementation(_NAME)
        try:
            yield
        finally:
            self._model.set_attn_implementation(own)
            self._read.clear()  # transformers still holds the function

    def _attend(
        self,
        module: Any,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attention_mask: Tensor,
        scaling: float | None = None,
        **_: Any,
    ) -> tuple[Tensor, None]:
        """Attend to the prefix and to each row's own tokens.

        Args:
            module: the layer.
            query: ``[B, heads of queries, N, D]``.
            key: ``[B, H, S, D]``, without the prefix's.
            value: ``[B, H, S, E]``.
            attention_mask: which keys each query sees, ``bool[B, 1, N, S]``.
            scaling: of the products; None for 1 / sqrt(D).

        Returns:
            ``[B, N, heads of queries, E]``.
        """
        scale = scaling or query.shape[3] ** -0.5
        scores = query.shape[1] * query.shape[2] * (self.length + key.shape[2])  # of a row
        most, (keys, values) = max(1, _SCORES // scores), self._read[module.layer_idx]
        mixed = []
        for start in range(0, len(query), most):
            rows = slice(start, start + most)
            own = query[rows], key[rows], value[rows], attention_mask[rows]
            mixed.append(self._mixed(*own, scale, keys, values))
        return torch.cat(mixed).to(query.dtype), None

    def _mixed(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        mask: Tensor,
        scale: float,
        keys: Tensor,
        values: Tensor,
    ) -> Tensor:
        (rows, queries, count, _), heads = query.shape, key.shape[1]
        # query heads that read the same keys follow one another
        folded = (query * scale).to(self._dtype).reshape(rows, heads, -1, query.shape[3])
        near = folded @ key.to(self._dtype).transpose(2, 3)  # [B, H, G * N, S]
        near.masked_fill_(~mask.repeat(1, 1, folded.shape[2] // count, 1), float("-inf"))
        far = torch.einsum("bhnd,hpd->bhnp", folded, keys)  # [B, H, G * N, P]
        shares = torch.cat([far, near], 3).softmax(3, dtype=torch.float32).to(self._dtype)
        mixed = torch.einsum("bhnp,hpe->bhne", shares[..., : self.length], values)
        mixed += shares[..., self.length :] @ value.to(self._dtype)
        return mixed.reshape(rows, queries, count, -1).transpose(1, 2)


def probe_texts(model: Any) -> Iterator[Tensor]:
    """Yield a few short texts of tokens that a model has learnt, ``int64[5]`` each.

    A model that is fine-tuned amplifies the rounding of some texts, in bfloat16, beyond all
    comparison (SmolLM2: logits off by 18 of 30 on control tokens). So one of these texts is proof.
    """
    size = model.config.vocab_size
    for shares in _SHARES:
        yield torch.tensor([int(share * size) for share in shares], device=model.device)


def continues(model: Any) -> bool:
    """Return whether a model reads on behind a `Prefix` as if it had read all at once."""
    return _proved(model, _behind_copies)


def shares(model: Any) -> bool:
    """Return whether a model reads on behind a `SharedPrefix` as if it had read all at once."""
    return _proved(model, _behind_shared)


@torch.no_grad()
def _proved(model: Any, read: Callable[[Any, Tensor], Tensor]) -> bool:
    """Return whether short texts give the same logits, read behind a prefix and at once.

    A model that looks back only so far, or remembers otherwise than by keys and values, does not.
    """
    if getattr(model.config, "sliding_window", None):
        return False
    training = model.training
    model.eval()
    try:
        for text in probe_texts(model):
            expected = model(input_ids=text[None, :4], use_cache=False).logits[:, 2:]  # [1, 2, V]
            rounding = torch.finfo(expected.dtype).eps ** 0.5 * expected.abs().max()
            if (read(model, text[:4]) - expected).abs().max() <= rounding:
                return True
    except Exception:  # whatever it says, it does not
        return False
    finally:
        model.train(training)
    return False


def _behind_copies(model: Any, text: Tensor) -> Tensor:
    cache = Prefix(model, text[:2].tolist()).cache(1)
    return _read_on(model, text, cache)


def _behind_shared(model: Any, text: Tensor) -> Tensor:
    from transformers import DynamicCache

    with SharedPrefix(model, text[:2].tolist()).in_front():
        sees = torch.ones(1, 1, 2, 2, dtype=torch.bool, device=model.device).tril()
        return _read_on(model, text, DynamicCache(), attention_mask=sees)


def _read_on(model: Any, text: Tensor, cache: Any, **options: Any) -> Tensor:
    places = torch.arange(2, 4, device=model.device)[None]
    options |= {"position_ids": places, "use_cache": True, cache_argument(model): cache}
    logits: Tensor = model(input_ids=text[None, 2:], **options).logits
    return logits
