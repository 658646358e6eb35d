"""BERT: token vectors of a pretrained language model, averaged."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from benchkit import Config, Embedder, hookimpl, param
from benchkit.contracts.config import Value
from benchkit_plugins.embedders.shared.encoding import Encoder, EncodingEmbedder
from benchkit_plugins.language_models import pretrained


@dataclass(frozen=True, kw_only=True)
class BERTConfig(Config):
    """Which model, and how."""

    model: str = param("google-bert/bert-base-uncased", "name at Hugging Face, or a folder")
    revision: str = param("main", "branch, tag or commit of a named model")
    max_tokens: int = param(256, "a text's tokens beyond are cut", unit="tokens", at_least=3)
    device: str = param("auto", "where to compute: auto (CUDA where there is one), cpu, cuda:1")


class BERT(EncodingEmbedder):
    """A pretrained BERT, by name or folder: the mean of its token vectors.

    For BERT2X (paper 5.1.3), which initialises a sequential model with them. The model is
    downloaded once, or given as a folder; safetensors only.
    """

    name = "bert"
    source = "https://arxiv.org/abs/1810.04805"
    Config = BERTConfig
    config: BERTConfig

    @classmethod
    def unavailable(cls) -> str | None:
        return pretrained.not_installed("transformers")

    def why_unavailable(self) -> str | None:
        return self.unavailable() or pretrained.why_unavailable(self.config.model)

    def downloads(self) -> str | None:
        return pretrained.to_download(self.config.model, self.config.revision)

    def identity(self) -> dict[str, Value]:
        model = pretrained.identity(self.config.model, self.config.revision)
        return {**model, "max_tokens": self.config.max_tokens}

    @cached_property
    def _encoder(self) -> Encoder:
        folder = pretrained.folder_of(self.config.model, self.config.revision)
        return Encoder(folder, self.config.device, self.config.max_tokens, unit=False)


@hookimpl
def benchkit_embedders() -> list[type[Embedder]]:
    return [BERT]
