"""Parameters that the neural recommenders share (paper 5.1; ranges: its online material)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from benchkit import Choice, Config, ExcludeSeen, Float, Int, param
from benchkit.contracts.config import Value
from benchkit_plugins.presets import by_family

# For a quick look at little data, within seconds.
SAMPLE: dict[str, Value] = {
    "dim": 32,
    "learning_rate": 0.005,
    "batch_size": 128,
    "epochs": 5,
    "last_n_items": 10,
}


def paper_presets(
    parameters: str, best: Mapping[str, Sequence[Value]], **sample: Value
) -> dict[str, dict[str, Value]]:
    """Return a network's presets: the paper's best values, with its early stopping, and `SAMPLE`.

    Args:
        parameters: as `by_family` takes them, likewise `best`.
        best: values by dataset family.
        sample: what is otherwise than in `SAMPLE`.
    """
    published = by_family(parameters, best, patience=2, stop_on_plateau=True)
    return {"sample": {**SAMPLE, **sample}, **published}


@dataclass(frozen=True, kw_only=True)
class NeuralConfig(Config):
    """How any network is sized, trained and asked."""

    dim: int = param(64, "size of the item embeddings", search=Int(16, 512, step=16), at_least=1)
    dropout: float = param(
        0.2,
        "share of activations dropped",
        search=Float(0, 0.9, step=0.05),
        at_least=0,
        at_most=0.99,
    )
    learning_rate: float = param(
        0.001, "step size of AdamW", search=Float(0.0001, 0.01, step=0.0001), at_least=0
    )
    weight_decay: float = param(
        0.01, "decoupled decay of every variable", search=Float(0, 0.1), at_least=0
    )
    clipnorm: float | None = param(
        None,
        "largest norm of each variable's gradient; none: any",
        search=Int(1, 100, optional=True),
        at_least=0,
    )
    batch_size: int = param(
        256, "training cases a step", search=Int(32, 512, step=32), unit="cases", at_least=1
    )
    epochs: int = param(100, "maximum epochs: passes over the training sessions", at_least=1)
    patience: int = param(
        10, "epochs without a better validation NDCG@20 after which training stops", at_least=1
    )
    stop_on_plateau: bool = param(
        False,
        "let patience run out, too, where the model is no better than popularity yet and its "
        "training loss still falls",
    )
    hold_out: Literal["sessions", "last-items"] = param(
        "sessions",
        "what early stopping is measured on: some training sessions, or each one's last item",
    )
    validation_share: float = param(
        0.1,
        "share of the training sessions held out",
        at_least=0,
        at_most=0.9,
        when={"hold_out": "sessions"},
    )
    validation_limit: int = param(
        500, "most sessions held out", unit="sessions", at_least=1, when={"hold_out": "sessions"}
    )
    validation_items: Literal["every", "last"] = param(
        "every",
        "items of a held-out session to predict: every one but the first, or the last",
        when={"hold_out": "sessions"},
    )
    last_n_items: int = param(20, "items of a session that are read, the last ones", at_least=1)
    loss: Literal["softmax", "sampled-softmax", "gbce", "bpr"] = param(
        "softmax", "training loss; all but softmax score sampled negatives in place of all items"
    )
    negatives: int = param(
        256, "negative items sampled a step, unless the loss is softmax", unit="items", at_least=1
    )
    calibration: float = param(
        0.75,
        "gBCE's t: 0 leaves binary cross-entropy as it is, 1 undoes all overconfidence",
        at_least=0,
        at_most=1,
        when={"loss": "gbce"},
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = param(
        "auto", "where to compute; auto: a GPU where there is one"
    )
    dtype: Literal["auto", "float32", "bfloat16"] = param(
        "auto", "precision of products in training; auto: bfloat16 where the hardware has it"
    )
    exclude_seen: ExcludeSeen = param(
        "read", "prompt items to keep out of the list; read: the last `last_n_items`"
    )


@dataclass(frozen=True, kw_only=True)
class TransformerConfig(NeuralConfig):
    """The size of a transformer."""

    layers: int = param(2, "transformer layers", search=Int(1, 4), at_least=1)
    heads: int = param(2, "attention heads a layer", search=Int(1, 4), at_least=1)


@dataclass(frozen=True, kw_only=True)
class InitialisedConfig(NeuralConfig):
    """Where the initial item embeddings come from (paper 5.1, LLM2X)."""

    embedder: str = param(
        "minilm", "embedder that initialises the item embeddings", names="embedder"
    )
    reducer: str | None = param(
        "pca",
        "reducer to `dim` dimensions; none: the embedder's own dimensions, whatever `dim`",
        search=Choice("pca", "autoencoder", "lda", "random-projection"),
        names="reducer",
    )
    freeze: bool = param(False, "keep the item embeddings as they were initialised")
    scale: float | None = param(
        None, "root mean square to rescale the initial embeddings to; none: as they are", at_least=0
    )


@dataclass(frozen=True, kw_only=True)
class S3RecConfig(TransformerConfig):
    """The size of the transformer, and how it is pre-trained; defaults of S3-Rec's authors."""

    dropout: float = param(
        0.5,
        "share of activations dropped",
        search=Float(0, 0.9, step=0.05),
        at_least=0,
        at_most=0.99,
    )
    weight_decay: float = param(
        0.0, "decoupled decay of every variable", search=Float(0, 0.1), at_least=0
    )
    epochs: int = param(200, "maximum epochs: passes over the training sessions", at_least=1)
    patience: int = param(
        10, "epochs without a better validation NDCG@20 after which training stops", at_least=1
    )
    pretrain_epochs: int = param(
        10, "epochs of pre-training, over all prefixes of the training sessions", at_least=0
    )
    mask_prob: float = param(
        0.2,
        "probability that an item is masked; the last one always is",
        search=Float(0.1, 0.6, step=0.1),
        at_least=0,
        at_most=1,
    )
    # Only what they are to one another matters: the search leaves one as it is.
    mip_weight: float = param(1.0, "weight of masked item prediction", at_least=0)
    aap_weight: float = param(
        0.2, "weight of associated attribute prediction", search=Float(0, 1, step=0.1), at_least=0
    )
    map_weight: float = param(
        1.0, "weight of masked attribute prediction", search=Float(0, 1, step=0.1), at_least=0
    )
    sp_weight: float = param(
        0.5, "weight of segment prediction", search=Float(0, 1, step=0.1), at_least=0
    )
