"""Texts to vectors by a transformer: batches of equal length, mean over the tokens.

Shared by the embedders that run a model here. Sorting by length leaves hardly any padding, and a
batch is as many texts as fit a budget of tokens, so that short titles go through in large batches
and long descriptions in small ones, in bounded memory.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from benchkit import Embedder, UnavailableError
from benchkit.contracts.arrays import Bool, Float32
from benchkit.contracts.embedder import Batch
from benchkit_plugins.language_models import checkpoints
from benchkit_plugins.language_models.tokens import batches_by_length, well_formed

_TOKENS = {"cpu": 1024, "cuda": 65536}  # padded tokens a batch
DEVICES = ("cuda", "cpu")
_TEXTS = 512  # vectors handed over, and kept, at a time


class Encoder:
    """A pretrained transformer with mean pooling.

    Args:
        folder: holds ``config.json``, the tokenizer and ``model.safetensors``.
        device: as `hardware.choose_device` takes it.
        max_tokens: what is longer is cut, special tokens included.
        unit: scale every vector to length 1.

    Raises:
        UnavailableError: the folder's model cannot be loaded, or there is no such device.
    """

    def __init__(self, folder: Path, device: str, max_tokens: int, unit: bool) -> None:
        import transformers

        from benchkit_plugins.hardware import choose_device

        transformers.logging.set_verbosity_error()
        transformers.logging.disable_progress_bar()
        self._device = choose_device(device, DEVICES)
        self._unit = unit
        safe: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
        with checkpoints.loading(f"the model in {folder}"):
            self._tokenizer = transformers.AutoTokenizer.from_pretrained(folder, **safe)
            model = checkpoints.load(transformers.AutoModel, folder, **safe)
            checkpoints.check_vocabulary(model, self._tokenizer)
            if getattr(model.config, "is_encoder_decoder", False):
                raise UnavailableError("an encoder is needed, and it has a decoder, too")
        self._model = model.float().eval().to(self._device)
        positions = getattr(model.config, "max_position_embeddings", max_tokens)
        self._max_tokens = min(max_tokens, positions, self._tokenizer.model_max_length)

    def __call__(self, texts: Sequence[str]) -> Float32:
        """Return one vector a text, ``float32[texts, dim]``."""
        vectors = np.zeros((len(texts), self._model.config.hidden_size), dtype=np.float32)
        for batch in self._encode(texts):
            vectors[batch.rows] = batch.vectors
        return vectors

    def batches(self, texts: Sequence[str]) -> Iterator[Batch]:
        """Yield the vectors of some texts, hundreds at a time, long texts first."""
        waiting: list[Batch] = []
        for batch in self._encode(texts):
            waiting.append(batch)
            if sum(len(part.rows) for part in waiting) >= _TEXTS:
                yield _joined(waiting)
                waiting = []
        if waiting:
            yield _joined(waiting)

    def _encode(self, texts: Sequence[str]) -> Iterator[Batch]:
        if not texts:
            return
        clean = [well_formed(text) for text in texts]
        tokens = self._tokenizer(clean, truncation=True, max_length=self._max_tokens)["input_ids"]
        lengths = np.array([len(ids) for ids in tokens], dtype=np.int64)
        full = np.flatnonzero(lengths >= self._max_tokens)
        cut = np.zeros(len(texts), dtype=bool)
        cut[full] = longer(self._tokenizer, [clean[row] for row in full], self._max_tokens)
        for rows in batches_by_length(lengths, _TOKENS[self._device.type]):
            vectors = self._forward([tokens[row] for row in rows])
            yield Batch(rows, vectors, cut=cut[rows])

    def _forward(self, tokens: list[list[int]]) -> Float32:
        import torch

        lengths = torch.tensor([len(ids) for ids in tokens])  # [B]
        longest = int(lengths.max())
        pad = self._tokenizer.pad_token_id or 0
        ids = torch.tensor([row + [pad] * (longest - len(row)) for row in tokens])  # [B, T]
        mask = torch.arange(longest) < lengths[:, None]  # [B, T]
        ids, mask = ids.to(self._device), mask.to(self._device)
        with torch.inference_mode():
            # without padding attention needs no mask, and is quicker
            attention = None if bool((lengths == longest).all()) else mask.long()
            output = self._model(input_ids=ids, attention_mask=attention)
            states = output.last_hidden_state  # [B, T, D]
            weights = mask.unsqueeze(2).to(states.dtype)  # [B, T, 1]
            pooled = (states * weights).sum(1) / weights.sum(1).clamp(min=1e-9)  # [B, D]
            if self._unit:
                pooled = torch.nn.functional.normalize(pooled, dim=1)
            vectors: Float32 = pooled.cpu().numpy()
        return vectors


class EncodingEmbedder(Embedder):
    """Base of embedders whose vectors an `Encoder` makes, ``float32[texts, hidden size]``."""

    @cached_property
    @abstractmethod
    def _encoder(self) -> Encoder: ...

    def embed(self, texts: Sequence[str]) -> Float32:
        return self._encoder(texts)

    def batches(self, texts: Sequence[str], allow: Callable[[float], None]) -> Iterator[Batch]:
        allow(0.0)
        yield from self._encoder.batches(texts)


def longer(tokenizer: Any, texts: Sequence[str], most: int) -> Bool:
    """Return which texts have more than `most` tokens, special ones included, ``bool[texts]``."""
    whole = tokenizer(list(texts), truncation=False, verbose=False)["input_ids"] if texts else []
    return np.array([len(ids) > most for ids in whole], dtype=bool)


def _joined(parts: Sequence[Batch]) -> Batch:
    rows, vectors, cut = (
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("rows", "vectors", "cut")
    )
    return Batch(rows, vectors, cut=cut)
