"""A transformer that reads trees: what is written so far, and who sees what of it.

Completions of one prompt share its tokens and whatever they have in common so far. All of a
prompt's tokens lie in one row of a store, each once; a mask says which of them each new token
continues (tree attention, https://arxiv.org/abs/2305.09781). What all prompts begin with lies
elsewhere, once, and one product serves all prompts there. New tokens of all prompts go through the
model as one sequence without padding; only attention sees them prompt by prompt.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - torch's own name for it
from transformers import AttentionInterface, DynamicCache

from benchkit_plugins.recommenders.prompted.providers.local.loading import cache_argument
from benchkit_plugins.recommenders.prompted.providers.local.probe import logits_match, probe_texts

_NAME = "benchkit-branches"
_Pair = tuple[Tensor, Tensor]  # keys and values of one layer
_READING: ContextVar[Store] = ContextVar("what is read")


class Store(DynamicCache):  # type: ignore[misc]
    """Keys and values of the tokens of some prompts, a row each, as the model's cache.

    Rows are read where they lie: those of one call follow one another, so nothing is copied.
    On a CPU they are float32, whatever the model is: oneDNN, which multiplies bfloat16 there,
    copies the keys first and keeps the room of that copy for each new number of columns, which
    comes to gigabytes; float32 needs neither, and is as fast.

    Args:
        rows: prompts at a time.
        common: keys and values of what all of them begin with, as `first_row` gives them; it is in
            no row.
    """

    def __init__(self, rows: int, common: Sequence[_Pair] = ()) -> None:
        super().__init__()
        self.height, self.width, self.common = rows, 0, common
        # a layer each; columns of one head follow one another, or products would copy them
        self.keys: list[Tensor] = []  # [R, H, W, D]
        self.values: list[Tensor] = []  # [R, H, W, E]

    def aim(self, rows: slice, places: Tensor, width: int) -> None:
        """Say where the tokens of the next call belong.

        Args:
            rows: those that are read and written.
            places: row and column of each token, ``int64[2, tokens]``.
            width: columns in use afterwards.
        """
        self.rows, self.places, self.used = rows, places, width
        if width > self.width:
            self.width = max(width, self.width * 3 // 2)
            self.keys = [self._widened(layer) for layer in self.keys]
            self.values = [self._widened(layer) for layer in self.values]

    def update(
        self, key_states: Tensor, value_states: Tensor, layer_idx: int, *_: Any, **__: Any
    ) -> tuple[Tensor, Tensor]:
        """Keep a layer's new keys and values, and return those of the rows that are read."""
        self.layer = layer_idx
        if layer_idx == len(self.keys):
            self.keys.append(self._room(key_states))
            self.values.append(self._room(value_states))
        keys, values = self.keys[layer_idx], self.values[layer_idx]
        return self._put(keys, key_states), self._put(values, value_states)

    def seen(self) -> _Pair | None:
        """Return keys and values common to all rows, of the layer updated last."""
        return self.common[self.layer] if self.common else None

    def first_row(self) -> list[_Pair]:
        """Return keys and values of the first row, ``[H, columns, D or E]``, by layer."""
        pairs = zip(self.keys, self.values, strict=True)
        return [(keys[0, :, : self.used], values[0, :, : self.used]) for keys, values in pairs]

    @torch.inference_mode()
    def move(self, source: int, target: int, columns: int) -> None:
        """Copy the first columns of a row into another."""
        for layer in (*self.keys, *self.values):
            layer[target, :, :columns] = layer[source, :, :columns]

    def bytes_per_token(self) -> int:
        """Return the bytes of a token in all layers."""
        return sum(layer[0, :, 0].nbytes for layer in (*self.keys, *self.values))

    def _put(self, layer: Tensor, new: Tensor) -> Tensor:
        tokens = new[0].transpose(0, 1).to(layer.dtype)  # [N, H, D]
        layer[self.places[0], :, self.places[1]] = tokens
        return layer[self.rows, :, : self.used]  # [B, H, S, D]

    def _room(self, like: Tensor) -> Tensor:
        dtype = torch.float32 if like.device.type == "cpu" else like.dtype
        # zeros: what is masked is multiplied by 0, and may not be NaN
        return like.new_zeros(self.height, like.shape[1], self.width, like.shape[3], dtype=dtype)

    def _widened(self, layer: Tensor) -> Tensor:
        wider = layer.new_zeros(*layer.shape[:2], self.width, layer.shape[3])
        wider[:, :, : layer.shape[2]] = layer
        return wider


def attend(
    module: Any,  # noqa: ARG001
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor,
    scaling: float | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """Attend from tokens in one sequence to what each sees of its prompt's row, and what all see.

    Args:
        module: the layer; transformers hands it over.
        query: ``[1, query heads, tokens, D]``, row by row.
        key: ``[rows, heads, columns, D]``, in the store's precision, as are the values.
        value: ``[rows, heads, columns, E]``.
        attention_mask: what the n-th token of a row sees, ``bool[rows, 1, n, columns]``; padding
            sees nothing.
        scaling: of the products; None for 1 / sqrt(D).

    Returns:
        ``[1, tokens, query heads, E]``, in the precision of `query`.
    """
    real = attention_mask[:, 0].any(-1)  # [B, C]
    (rows, places), heads = real.shape, key.shape[1]
    padded = key.new_zeros(rows, places, *query.shape[1::2])  # [B, C, heads of queries, D]
    padded[real] = query[0].transpose(0, 1).to(key.dtype)
    shares = query.shape[1] // heads  # query heads that read the same keys: one product for all
    folded = padded.view(rows, places, heads, shares, -1).permute(0, 2, 3, 1, 4)  # [B, H, G, C, D]
    folded = folded.flatten(2, 3)  # [B, H, G * C, D]
    mask = attention_mask.repeat(1, 1, shares, 1)
    common = _READING.get().seen()
    if common is None:
        mixed = F.scaled_dot_product_attention(folded, key, value, attn_mask=mask, scale=scaling)
    else:
        mixed = _both(folded, key, value, mask, scaling or folded.shape[3] ** -0.5, common)
    unfolded = mixed.reshape(rows, heads, shares, places, -1)
    unfolded = unfolded.permute(0, 3, 1, 2, 4).flatten(2, 3)  # [B, C, H * G, E]
    return unfolded[real][None].to(query.dtype), None


def _both(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor,
    scaling: float,
    common: _Pair,
) -> Tensor:
    """Attend to the rows' own and the common keys, ``[B, H, N, E]``."""
    rows, heads, count, _ = query.shape
    size = common[0].shape[1]
    query = query * scaling
    # one product for the queries of all rows: what is common is read once
    far = query.transpose(0, 1).flatten(1, 2) @ common[0].transpose(1, 2)  # [H, B * N, common]
    near = (query @ key.transpose(2, 3)).masked_fill_(~mask, float("-inf"))  # [B, H, N, columns]
    scores = torch.cat([far.view(heads, rows, count, size).transpose(0, 1), near], dim=3)
    shares = scores.softmax(3, dtype=torch.float32).to(value.dtype)
    of_common = shares[..., :size].transpose(0, 1).flatten(1, 2) @ common[1]  # [H, B * N, E]
    of_rows: Tensor = shares[..., size:] @ value  # [B, H, N, E]
    return of_rows + of_common.view(heads, rows, count, -1).transpose(0, 1)


def read_tree(
    model: Any, store: Store, tokens: Tensor, positions: Tensor, mask: Tensor, asked: Tensor
) -> Tensor:
    """Read tokens at the places that the store was aimed at, and return what may follow some.

    Args:
        model: after `enable_tree_attention`.
        store: aimed at the tokens' places.
        tokens: ``int64[tokens]``, row by row.
        positions: how far each is from its prompt's beginning, ``int64[tokens]``.
        mask: as `attend` takes it.
        asked: tokens whose successors are asked for, ``int64[asked]``.

    Returns:
        Logits, ``[asked, vocabulary]``.
    """
    before = _READING.set(store)
    try:
        out = model(
            input_ids=tokens[None],
            position_ids=positions[None],
            attention_mask=mask,
            use_cache=True,
            logits_to_keep=asked,
            **{cache_argument(model): store},
        )
    finally:
        _READING.reset(before)
    logits: Tensor = out.logits[0]
    return logits


def enable_tree_attention(model: Any) -> int | None:
    """Make a model read trees, and return the bytes that a token takes in the store.

    None where it cannot, and the model is as before: one whose attention is its own, or that
    remembers otherwise. The proof is a small tree, read both ways.
    """
    before = model.config._attn_implementation
    AttentionInterface.register(_NAME, attend)
    for text in probe_texts(model):
        branches = text[[0, 1, 2, 0, 3, 4]].view(2, 3)
        expected = model(input_ids=branches, use_cache=False).logits[:, 1:]  # [2, 2, V]
        try:
            common = Store(1)
            model.set_attn_implementation(_NAME)
            if logits_match(_small_tree(model, common, branches), expected):
                return common.bytes_per_token()
        except Exception:  # noqa: S110 - whatever it says, it does not read trees
            pass
        model.set_attn_implementation(before)
    return None


def _small_tree(model: Any, common: Store, branches: Tensor) -> Tensor:
    """Return the logits after the second and third token of two texts with a common first one."""
    device = branches.device
    zero = torch.zeros(1, dtype=torch.int64, device=device)
    sees = torch.ones(1, 1, 1, 1, dtype=torch.bool, device=device)
    common.aim(slice(0, 1), torch.stack([zero, zero]), 1)
    read_tree(model, common, branches[0, :1], zero, sees, zero)
    sees = torch.eye(4, dtype=torch.bool, device=device)
    sees[2, 0] = sees[3, 1] = True
    columns = torch.arange(4, device=device)
    store = Store(1, common.first_row())
    store.aim(slice(0, 1), torch.stack([columns * 0, columns]), 4)
    positions = torch.tensor([1, 1, 2, 2], device=device)
    asked = torch.tensor([0, 2, 1, 3], device=device)
    tokens = torch.cat([branches[:, 1], branches[:, 2]])
    logits = read_tree(model, store, tokens, positions, sees[None, None], asked)
    return logits.view(2, 2, -1)  # [2, 2, V]
