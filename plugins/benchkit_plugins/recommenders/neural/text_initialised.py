"""LLM2X and BERT2X: a network whose item table starts from text embeddings (paper 5.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import make_dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from benchkit import Bench, param
from benchkit.contracts.config import Value
from benchkit_plugins.recommenders.neural.config import SAMPLE, InitialisedConfig
from benchkit_plugins.recommenders.neural.recommender import NeuralRecommender

if TYPE_CHECKING:
    from benchkit.contracts.arrays import Float32
    from benchkit_plugins.recommenders.neural.network import Network

_LLM_PRESETS = """

The paper's best values come with the offline embedder, not with the paper's own: a paid one is used
only when it is named (`--embedder openai`).
"""
_BERT_PRESETS = """

The paper's online material prints no best values for it; {llm}'s stand in.
"""


class TextInitialised(NeuralRecommender):
    """Mix in before a neural recommender: reduced embeddings of the catalog start its item table.

    Embeddings are not scaled to length 1, and go on learning. An embedder or reducer that gives
    fewer dimensions than `dim` makes the network smaller.
    """

    Config = InitialisedConfig
    config: InitialisedConfig

    def initial_embeddings(self, bench: Bench) -> Float32:
        """Return the reduced embeddings of the whole catalog, ``float32[catalog, dim]``."""
        config = self.config
        vectors = bench.embeddings(
            config.embedder, config.reducer, None if config.reducer is None else config.dim
        )
        if config.scale is None:
            return vectors
        size = np.sqrt(np.mean(np.square(vectors, dtype=np.float64)))
        scaled: Float32 = (vectors * (config.scale / max(size, 1e-12))).astype(np.float32)
        return scaled

    def initialise(self, network: Network, rows: Float32) -> None:
        """Put the embeddings into the table, for good where they are frozen."""
        super().initialise(network, rows)
        network.table.requires_grad_(not self.config.freeze)


def text_initialised(
    base: type[NeuralRecommender], presets: Mapping[str, Mapping[str, Value]] | None = None
) -> tuple[type[TextInitialised], type[TextInitialised]]:
    """Return LLM2X and BERT2X of a network X, which X's module has to call so.

    The paper prints no best values for BERT2X: both have the same presets.

    Args:
        base: X.
        presets: parameters by dataset family, as `paper_presets` returns them; None for a network
            that the paper does not have.
    """
    llm = f"LLM2{base.__name__}"
    texts = f"{base.__name__} whose item embeddings start as reduced embeddings of the items' texts"
    first = _recommender(
        llm,
        (TextInitialised, base),
        (InitialisedConfig, base.Config),
        f"{texts}.{_LLM_PRESETS if presets else ''}",
        {"presets": presets or {"sample": SAMPLE}},
    )
    bert = f"BERT2{base.__name__}"
    embedder = param("bert", "embedder that initialises the item embeddings", names="embedder")
    second = _recommender(
        bert,
        (first,),
        (first.Config,),
        f"{texts} by BERT.{_BERT_PRESETS.format(llm=llm) if presets else ''}",
        fields=[("embedder", str, embedder)],
    )
    return first, second


def _recommender(
    name: str,
    bases: tuple[type, ...],
    config_bases: tuple[type, ...],
    doc: str,
    values: Mapping[str, Any] | None = None,
    fields: Sequence[Any] = (),
) -> type[TextInitialised]:
    config = make_dataclass(f"{name}Config", fields, bases=config_bases, frozen=True, kw_only=True)
    about = {"name": name.lower(), "__doc__": doc, "__module__": bases[-1].__module__}
    return type(name, bases, {**about, "Config": config, **(values or {})})
