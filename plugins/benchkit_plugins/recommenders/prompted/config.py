"""Parameters of the prompted recommenders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from benchkit import Choice, Config, ExcludeSeen, param
from benchkit_plugins.language_models.calls import check_address
from benchkit_plugins.language_models.prices import parsed
from benchkit_plugins.recommenders.prompted.providers.registry import entry_point

Targets = Literal["usual", "all-linear"]


@dataclass(frozen=True, kw_only=True)
class PromptedConfig(Config):
    """Which model, how it is fine-tuned and sampled, and the embeddings that match titles.

    Only the temperature is searched, as in the paper: a fine-tuned model serves all temperatures.
    """

    embedder: str = param(
        "minilm",
        "whose vectors, not reduced, map unknown titles to items and make Class's categories",
        names="embedder",
    )
    provider: str = param(
        "local",
        "where the model is fine-tuned and sampled: local, openai, vertex, or what a package adds",
    )
    model: str | None = param(
        None, "model by the provider's name, local: name or folder; none: the provider's default"
    )
    state: Literal["base", "fine-tuned"] = param("fine-tuned", "ask the model as it is, or tuned")
    temperature: float = param(
        0.25, "of sampling", search=Choice(0.0, 0.25, 0.5), at_least=0, at_most=2
    )
    top_p: float = param(
        1.0, "sample from the likeliest tokens of this mass", at_least=0, at_most=1
    )
    max_tokens: int | None = param(
        None, "longest completion; none: what the task needs", unit="tokens", at_least=1
    )
    templates: str | None = param(
        None,
        "TOML file with prompts of yours; none: ours (`benchkit prompts` shows them)",
    )
    last_n_items: int | None = param(
        None, "show only the prompt's last items; none: all", unit="items", at_least=1
    )
    exclude_seen: ExcludeSeen = param(
        "none", "prompt items to keep out of the list: none, those shown, or the whole prompt"
    )
    train_sessions: int | None = param(
        None,
        "fine-tune on so many sessions, validation included, drawn by the seed; none: all",
        at_least=1,
    )
    validation_sessions: int | None = param(
        None,
        "of those, kept out of fine-tuning; none: `validation_share`",
        at_least=0,
    )
    validation_share: float | None = param(
        None,
        "share of them kept out of fine-tuning; none: the provider's usual number, a tenth at most",
        at_least=0,
        at_most=0.9,
    )
    epochs: int | None = param(None, "of fine-tuning; none: the provider's choice", at_least=1)
    learning_rate: float | None = param(
        None,
        "of fine-tuning; OpenAI and Vertex: times their own; none: the provider's choice",
        at_least=0,
    )
    targets: Targets = param(
        "all-linear",
        "where LoRA's matrices go: peft's usual place for the architecture, or all linear layers; "
        "local",
    )
    rank: int = param(8, "of LoRA's matrices; local", at_least=1)
    alpha: float = param(32.0, "LoRA's scale; local", at_least=0)
    dropout: float = param(0.05, "before LoRA's matrices; local", at_least=0, at_most=0.9)
    prompt_weight: float = param(
        0.0,
        "of a prompt's tokens in the loss, an answer's count 1; GenItem learns more with 1; local",
        at_least=0,
    )
    batch_size: int = param(16, "examples a step of fine-tuning; local", at_least=1)
    device: Literal["auto", "cpu", "cuda", "mps"] = param(
        "auto", "where to compute; auto: a GPU where there is one; local"
    )
    base_url: str | None = param(None, "address of a server that speaks OpenAI's protocol; openai")
    revision: str | None = param(
        None,
        "your word for what a server at base_url has under the model's name; none: what it tells "
        "of itself; openai",
    )
    batch: bool | None = param(
        None,
        "ask by the batch API, at half the price; none: at OpenAI, from 100 prompts on; openai",
        incidental=True,
    )
    project: str | None = param(None, "project that pays; vertex", incidental=True)
    location: str = param("us-central1", "where the model runs; vertex")
    bucket: str | None = param(
        None,
        "bucket of Cloud Storage that takes the files to fine-tune on; vertex",
        incidental=True,
    )
    api_endpoint: str | None = param(None, "address of another server; vertex")
    concurrency: int = param(
        4, "requests under way at a time; hosted", at_least=1, at_most=64, incidental=True
    )
    timeout: float = param(
        120.0, "wait for an answer; hosted", unit="seconds", at_least=0.01, incidental=True
    )
    retries: int = param(6, "how often to try again; hosted", at_least=0, incidental=True)
    price: str | None = param(
        None,
        "US dollars per million tokens INPUT/OUTPUT/TRAINING instead of the price list",
        incidental=True,
    )

    def __post_init__(self) -> None:
        entry_point(self.provider)
        for name in ("base_url", "api_endpoint"):
            if (address := getattr(self, name)) is not None:
                check_address(name, address)
        if self.price is not None:
            parsed(self.price)


@dataclass(frozen=True, kw_only=True)
class DeterministicConfig(PromptedConfig):
    """Parameters of the tasks whose prompts show what there is to choose from (paper 7.3.3)."""

    temperature: float = param(
        0.0, "of sampling", search=Choice(0.0, 0.25, 0.5), at_least=0, at_most=2
    )


@dataclass(frozen=True, kw_only=True)
class LlamaConfig(PromptedConfig):
    """A Llama, and the paper's settings for it (7.1.7): LoRA, five epochs, nothing searched."""

    model: str | None = param("meta-llama/Meta-Llama-3-8B", "a model by name or folder")
    temperature: float = param(1.0, "of sampling", at_least=0, at_most=2)
    top_p: float = param(
        0.25, "sample from the likeliest tokens of this mass", at_least=0, at_most=1
    )
    validation_share: float | None = param(
        0.2,
        "share of the sessions kept out of fine-tuning; none: the provider's usual number",
        at_least=0,
        at_most=0.9,
    )
    targets: Targets = param(
        "usual", "where LoRA's matrices go: queries and values, or all linear layers"
    )
    epochs: int | None = param(5, "of fine-tuning; none: the provider's choice", at_least=1)
    learning_rate: float | None = param(1e-4, "of fine-tuning", at_least=0)


@dataclass(frozen=True, kw_only=True)
class TALLRecConfig(LlamaConfig):
    """TALLRec's own settings, of its authors' ``shell/instruct_7B.sh``, where Llama's differ."""

    model: str | None = param("huggyllama/llama-7b", "a model by name or folder")
    alpha: float = param(16.0, "LoRA's scale; local", at_least=0)
    prompt_weight: float = param(
        1.0, "of a prompt's tokens in the loss, an answer's count 1; local", at_least=0
    )
    batch_size: int = param(128, "examples a step of fine-tuning; local", at_least=1)
