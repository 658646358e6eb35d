"""Loading weights: what a checkpoint lacks is refused, for transformers would draw it at random.

It says so in a warning alone, and results then differ from run to run (see
https://github.com/embeddings-benchmark/mteb/issues/1717).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchkit import BenchkitError, UnavailableError

# A layer behind the token vectors, which nothing here reads; checkpoints of masked language models
# have none.
_UNUSED = "pooler."
_EVERYTHING = {"output_loading_info": True, "ignore_mismatched_sizes": True}
_LONGEST = 200  # characters of a library's own words


@contextmanager
def loading(model: str) -> Iterator[None]:
    """Say in one sentence why a model cannot be loaded.

    Args:
        model: what to call it.

    Raises:
        UnavailableError: it cannot, for whatever reason.
    """
    try:
        yield
    except BenchkitError as error:
        raise UnavailableError(f"{model} cannot be used: {error}") from error
    except Exception as error:  # a damaged folder fails in many ways
        raise UnavailableError(f"{model} cannot be loaded: {_in_words(error)}") from error


def load(auto: Any, folder: Path, **options: Any) -> Any:
    """Return a model whose weights all come from its files: safetensors, or the GGUF file named.

    Args:
        auto: class of transformers that chooses the model's own.
        folder: where the files lie.
        options: of ``from_pretrained``.

    Raises:
        UnavailableError: weights are missing, or have another shape than the model's.
    """
    model, info = auto.from_pretrained(folder, use_safetensors=True, **_EVERYTHING, **options)
    _check(model, info)
    return model


@contextmanager
def nothing_random() -> Iterator[None]:
    """Check models that another library loads meanwhile, which does not pass on what is missing.

    Raises:
        UnavailableError: as `load`.
    """
    from transformers import PreTrainedModel

    own = PreTrainedModel.__dict__["from_pretrained"]

    def checked(cls: type, *args: Any, **options: Any) -> Any:
        model, info = own.__func__(cls, *args, **{**options, **_EVERYTHING})
        _check(model, info)
        return model

    PreTrainedModel.from_pretrained = classmethod(checked)
    try:
        yield
    finally:
        PreTrainedModel.from_pretrained = own


def check_vocabulary(model: Any, tokenizer: Any) -> None:
    """Refuse a tokenizer that has more tokens than the model has vectors for.

    Those added to a finished vocabulary do not count: many a model never meets them.

    Raises:
        UnavailableError: it has.
    """
    from torch.nn import Embedding

    table = model.get_input_embeddings()
    if isinstance(table, Embedding) and tokenizer.vocab_size > table.num_embeddings:
        raise UnavailableError(
            f"its tokenizer has {tokenizer.vocab_size:,} tokens, the model vectors for "
            f"{table.num_embeddings:,}: they do not belong together"
        )


def _check(model: Any, info: Mapping[str, Any]) -> None:
    every = [name for name, _ in model.named_parameters() if not name.startswith(_UNUSED)]
    # a version of transformers names the shapes, too
    reshaped = {key if isinstance(key, str) else key[0] for key in info["mismatched_keys"]}
    lacking = [name for name in every if name in {*info["missing_keys"], *reshaped}]
    if not lacking:
        return
    unexpected = sorted(info["unexpected_keys"])
    hint = f"; they hold others, such as {unexpected[0]}" if unexpected else ""
    problem = "of another shape" if reshaped.issuperset(lacking) else "missing"
    raise UnavailableError(
        f"{len(lacking):,} of its {len(every):,} weights are {problem} in its files, such as "
        f"{lacking[0]}, and would be random{hint}"
    )


def _in_words(error: Exception) -> str:
    if type(error).__name__ == "SafetensorError":
        return "its weights are damaged or cut short"
    if isinstance(error, MemoryError):
        return "out of memory"
    words = " ".join(str(error).split()).partition(". ")[0][:_LONGEST]
    if isinstance(error, (OSError, ValueError, ImportError, RuntimeError)) and words:
        return words
    return f"its files are damaged, or not what transformers expects ({words})"
