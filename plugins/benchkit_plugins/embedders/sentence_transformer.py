"""Any model of sentence-transformers, by name or folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from benchkit import Config, Embedder, hookimpl, param
from benchkit.contracts.arrays import Float32
from benchkit.contracts.config import Value
from benchkit.contracts.embedder import Batch
from benchkit_plugins.language_models import checkpoints, pretrained
from benchkit_plugins.language_models.tokens import well_formed


@dataclass(frozen=True, kw_only=True)
class SentenceTransformerConfig(Config):
    """Which model, and how."""

    model: str | None = param(None, "name at Hugging Face, or a folder; must be given")
    revision: str = param("main", "branch, tag or commit of a named model")
    prefix: str = param("", "what the model wants before each text, such as 'passage: '")
    device: str = param("auto", "where to compute: auto (CUDA where there is one), cpu, cuda:1")


class SentenceTransformer(Embedder):
    """Any model of sentence-transformers, named by sentence-transformer.model.

    Pooling and length are as the model's authors set them. The model is downloaded once, or given
    as a folder; safetensors only, and a model's own code is refused.
    """

    name = "sentence-transformer"
    source = "https://arxiv.org/abs/1908.10084"
    Config = SentenceTransformerConfig
    config: SentenceTransformerConfig

    @classmethod
    def unavailable(cls) -> str | None:
        return pretrained.not_installed("sentence_transformers")

    def why_unavailable(self) -> str | None:
        if self.config.model is None:
            return (
                "say which model: --set sentence-transformer.model=NAME (at Hugging Face), "
                "or the folder of one"
            )
        return self.unavailable() or pretrained.why_unavailable(self.config.model)

    def identity(self) -> dict[str, Value]:
        model = pretrained.identity(self.config.model or "", self.config.revision)
        return {**model, "prefix": self.config.prefix}

    def embed(self, texts: Sequence[str]) -> Float32:
        """Return the model's vectors, ``float32[texts, dim]``."""
        clean = self._clean(texts)
        if not clean:
            return np.zeros((0, self._model.get_sentence_embedding_dimension()), dtype=np.float32)
        vectors: Float32 = self._model.encode(clean, show_progress_bar=False)
        return vectors.astype(np.float32, copy=False)

    def batches(self, texts: Sequence[str], allow: Callable[[float], None]) -> Iterator[Batch]:
        from benchkit_plugins.embedders.shared.encoding import longer

        for batch in super().batches(texts, allow):
            most, part = self._model.max_seq_length, [texts[row] for row in batch.rows]
            cut = longer(self._model.tokenizer, self._clean(part), most) if most else None
            yield replace(batch, cut=cut)

    def _clean(self, texts: Sequence[str]) -> list[str]:
        return [well_formed(self.config.prefix + text) for text in texts]

    @cached_property
    def _model(self) -> Any:
        import sentence_transformers
        import transformers

        from benchkit_plugins.embedders.shared.encoding import DEVICES
        from benchkit_plugins.hardware import choose_device

        assert self.config.model is not None, "why_unavailable() is asked first"
        transformers.logging.set_verbosity_error()
        transformers.logging.disable_progress_bar()
        folder = pretrained.folder_of(self.config.model, self.config.revision)
        pretrained.check_modules(folder)
        device = str(choose_device(self.config.device, DEVICES))
        with checkpoints.loading(f"the model in {folder}"), checkpoints.nothing_random():
            model = sentence_transformers.SentenceTransformer(
                str(folder),
                device=device,
                local_files_only=True,
                trust_remote_code=False,
                model_kwargs={"use_safetensors": True},
            )
            # a stack may begin with something else than a transformer
            if (transformer := getattr(model[0], "auto_model", None)) is not None:
                checkpoints.check_vocabulary(transformer, model.tokenizer)
            return model


@hookimpl
def benchkit_embedders() -> list[type[Embedder]]:
    return [SentenceTransformer]
