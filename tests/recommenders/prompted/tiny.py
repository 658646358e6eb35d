"""A language model of a few thousand random weights, with a tokenizer of words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchkit.contracts.prompted import Conversation, Message
from benchkit_plugins.recommenders.prompted.config import PromptedConfig
from benchkit_plugins.recommenders.prompted.providers.local.provider import Local

local = pytest.mark.skipif(
    Local(PromptedConfig(model="any"), Path()).why_unavailable() is not None,
    reason="needs the extra local",
)
WORDS = ["a", "b", "c", "d", "e", "f"]
TEMPLATE = (
    "{% for m in messages %}{{ '<s> ' + m['role'] + ' ' + m['content'] + ' </s> ' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<s> assistant ' }}{% endif %}"
)


def tokenizer(template: str | None = TEMPLATE, words: list[str] = WORDS) -> Any:
    import tokenizers
    import transformers

    every = ["<unk>", "<s>", "</s>", "system", "user", "assistant", *words]
    vocabulary = {word: place for place, word in enumerate(every)}
    model = tokenizers.models.WordLevel(vocabulary, unk_token="<unk>")
    inner = tokenizers.Tokenizer(model)
    inner.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    made = transformers.PreTrainedTokenizerFast(
        tokenizer_object=inner, unk_token="<unk>", bos_token="<s>", eos_token="</s>"
    )
    made.chat_template = template
    return made


def model(kind: str = "llama", **values: Any) -> Any:
    """Return a random model; large weights make its answers differ."""
    import torch
    import transformers

    size: dict[str, Any] = {"vocab_size": 12, "bos_token_id": 1, "eos_token_id": 2}
    if kind == "gpt2":
        size |= {"n_embd": 16, "n_layer": 2, "n_head": 4, "n_positions": 512}
    elif kind == "bloom":
        size |= {"hidden_size": 16, "n_layer": 2, "n_head": 4}
    else:
        size |= {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2}
        size |= {"num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 512}
        size |= {"head_dim": 4} if "gemma" in kind else {}
    config = transformers.AutoConfig.for_model(kind, **size, **values)
    with torch.random.fork_rng([]):
        torch.manual_seed(3)
        made = transformers.AutoModelForCausalLM.from_config(config)
        for weights in made.parameters():
            if weights.ndim > 1:
                torch.nn.init.normal_(weights, std=0.4)
    return made.eval()


def folder(path: Path, kind: str = "llama", **values: Any) -> Path:
    """Write the model and its tokenizer as files."""
    model(kind, **values).save_pretrained(path)
    tokenizer().save_pretrained(path)
    return path


def ask(*words: str) -> Conversation:
    return (Message("system", "a b"), Message("user", " ".join(words)))
