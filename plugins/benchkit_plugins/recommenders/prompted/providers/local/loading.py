"""Loading a causal language model: weights, tokenizer, and how it is talked to."""

from __future__ import annotations

import contextlib
import copy
import inspect
import io
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from benchkit import UnavailableError
from benchkit.contracts.prompted import Message
from benchkit_plugins.hardware import choose_device, has_fast_bfloat16
from benchkit_plugins.language_models import checkpoints
from benchkit_plugins.recommenders.prompted.providers.local.chat import Chat
from benchkit_plugins.recommenders.prompted.providers.local.source import Source

# Bytes of a GGUF file that stays in memory for the next load: reading one takes ten seconds.
_SMALL = 1 << 28


@dataclass(frozen=True)
class Causal:
    """A loaded model.

    Attributes:
        model: of transformers, on its device, in evaluation mode.
        chat: how it is talked to.
        context: most tokens that it can read and write together.
    """

    model: Any
    chat: Chat
    context: int

    @property
    def device(self) -> torch.device:
        """Where the model computes."""
        device: torch.device = self.model.device
        return device


def load(source: Source, device: str, adapter: Path | None = None) -> Causal:
    """Load a model, with an adapter merged into its weights where one is given.

    Weights are bfloat16 where the hardware multiplies that itself (here twice as fast as float32,
    in training and sampling), float32 elsewhere. Adapters are merged before weights are rounded.

    Args:
        source: which model.
        device: cpu, cuda, mps, or auto for the best there is.
        adapter: folder that `lora.train` wrote.

    Raises:
        UnavailableError: it cannot be loaded, or there is no such device.
    """
    place = choose_device(device)
    folder, gguf = source.place()
    name = f"the language model {adapter or folder / (gguf or '')}"
    with checkpoints.loading(name), quiet():
        model, tokenizer = _read(folder, gguf)
        if adapter is not None:
            from peft import PeftModel

            model = PeftModel.from_pretrained(model, str(adapter)).merge_and_unload()
        loaded = assembled(model, tokenizer)
    loaded.model.to(place, torch.bfloat16 if has_fast_bfloat16(place) else torch.float32)
    if not _computes(loaded):
        raise UnavailableError(
            f"{name} cannot be used: its logits are not finite numbers; its weights are damaged"
        )
    return loaded


def assembled(model: Any, tokenizer: Any) -> Causal:
    """Put a model and its tokenizer together."""
    ends = model.generation_config.eos_token_id
    stops = ends if isinstance(ends, list) else [ends]
    context = getattr(model.config, "max_position_embeddings", None) or 1 << 20
    return Causal(model.eval().requires_grad_(False), Chat(tokenizer, stops), context)


@torch.inference_mode()
def _computes(causal: Causal) -> bool:
    (tokens,) = causal.chat.prompts([(Message("user", "?"),)])
    if not tokens:
        return True
    logits = causal.model(input_ids=torch.tensor([tokens], device=causal.device)).logits
    return bool(logits.isfinite().all())


def cache_argument(model: Any) -> str:
    """Return the name of a model's argument for the cache: transformers 5 renamed it.

    Args:
        model: of transformers, or with adapters by peft, which passes on what it does not know.
    """
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    return "cache" if "cache" in inspect.signature(inner.forward).parameters else "past_key_values"


def _read(folder: Path, gguf: str | None) -> tuple[Any, Any]:
    if gguf is None or (folder / gguf).stat().st_size > _SMALL:
        return _read_files(folder, gguf)
    read = _read_small(folder, gguf, (folder / gguf).stat().st_mtime_ns)
    return copy.deepcopy(read)


@lru_cache(maxsize=1)
def _read_small(folder: Path, gguf: str, _stamp: int) -> tuple[Any, Any]:
    return _read_files(folder, gguf)


def _read_files(folder: Path, gguf: str | None) -> tuple[Any, Any]:
    import transformers

    safe: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    if gguf is not None:
        safe["gguf_file"] = gguf
    else:
        _check_writes(transformers.AutoConfig.from_pretrained(folder, **safe))
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, **safe)
    causal = transformers.AutoModelForCausalLM
    model = checkpoints.load(causal, folder, dtype=torch.float32, **safe)
    checkpoints.check_vocabulary(model, tokenizer)
    return model, tokenizer


def _check_writes(config: Any) -> None:
    """Refuse a model that does not go on with a text, of which transformers would make one."""
    from transformers.models.auto import modeling_auto

    kind = config.model_type
    if getattr(config, "is_encoder_decoder", False):
        problem = "is an encoder-decoder model"
    elif kind in modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES and (
        kind not in modeling_auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES
        or getattr(config, "is_decoder", False)
    ):
        return
    else:
        problem = "reads texts and writes none"
    raise UnavailableError(f"{kind} {problem}; a causal language model is needed, such as a Llama")


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep libraries from talking; one draws a progress bar that it has no switch for."""
    import transformers

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    with contextlib.redirect_stderr(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # what peft asks transformers is renamed
        yield
