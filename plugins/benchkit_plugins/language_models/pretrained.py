"""Pretrained models by name or folder: where they lie, what tells them apart, what is refused.

Weights are safetensors or GGUF; pickled ones are never read, and a model's own code is never run.
"""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from benchkit import UnavailableError
from benchkit.contracts.errors import extra_missing

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benchkit.contracts.config import Value

# All that a model needs; no code, no pickles, no weights of other frameworks.
_FILES = ("*.json", "*.jinja", "*.txt", "*.model", "*.safetensors")
_OTHERS = ("onnx/*", "openvino/*")
EXTRA = extra_missing("local")


def not_installed(*packages: str) -> str | None:
    """Return the advice to install the extra where one of the packages is missing."""
    return EXTRA if any(find_spec(package) is None for package in packages) else None


def why_unavailable(model: str) -> str | None:
    """Return why a model cannot be used, as far as that shows without loading it."""
    path = Path(model).expanduser()
    if path.is_dir() and not (path / "config.json").is_file():
        return f"the folder {path} holds no model: config.json is missing"
    if path.is_dir():
        return _without_weights(path)
    # a name is at most OWNER/NAME
    if model.startswith((".", "/", "~")) or model.count("/") > 1:
        return f"there is no folder {path}"
    return None


def to_download(model: str, revision: str) -> str | None:
    """Return the model's name where it is neither a folder nor downloaded already."""
    if Path(model).expanduser().is_dir() or _cached(model, revision):
        return None
    return model


def weights(model: str, revision: str) -> int:
    """Return the bytes of a model's weights, 0 where they are not here."""
    path = Path(model).expanduser()
    if path.is_dir():
        folder: Path | None = path
    else:
        folder = _cached(model, revision) if find_spec("huggingface_hub") else None
    return sum(file.stat().st_size for file in folder.glob("*.safetensors")) if folder else 0


def identity(model: str, revision: str) -> dict[str, Value]:
    """Return a model's identity: its name and revision, or a folder's content."""
    path = Path(model).expanduser()
    if not path.is_dir():
        return {"model": model, "revision": revision}
    return _content(path, [path / name for name in _model_files(path)])


def gguf_of(model: str) -> Path | None:
    """Return the GGUF file that is meant: itself, or the only one of a folder without config.json.

    The file need not exist.
    """
    path = Path(model).expanduser()
    if path.suffix == ".gguf":
        return path
    files = [] if (path / "config.json").is_file() else sorted(path.glob("*.gguf"))
    return files[0] if len(files) == 1 else None


def file_identity(path: Path) -> dict[str, Value]:
    """Return the identity of a model in one file: the file's content."""
    return _content(path.parent, [path])


def folder_of(model: str, revision: str) -> Path:
    """Return the folder that holds a model, downloaded where it must be and can be.

    Args:
        model: a folder, or a name at Hugging Face.
        revision: branch, tag or commit of a named model.

    Raises:
        UnavailableError: it is not here and cannot be fetched, or holds no safetensors.
    """
    path = Path(model).expanduser()
    if not path.is_dir():
        path = _cached(model, revision) or _download(model, revision)
    if (lacking := _without_weights(path)) is not None:
        raise UnavailableError(lacking)
    return path


def check_modules(path: Path) -> None:
    """Refuse a stack of sentence-transformers modules that would run code or read pickles.

    Raises:
        UnavailableError: it would.
    """
    listing = path / "modules.json"
    modules = json.loads(listing.read_text(encoding="utf-8")) if listing.exists() else []
    for module in modules:
        folder = path / str(module.get("path", ""))
        if not str(module.get("type", "")).startswith("sentence_transformers."):
            raise UnavailableError(f"{path} brings code of its own, {module.get('type')!r}")
        if any(folder.glob("*.bin")) and not any(folder.glob("*.safetensors")):
            raise UnavailableError(f"{folder} holds pickled weights; only safetensors are read")


def _without_weights(path: Path) -> str | None:
    if any(path.glob("*.safetensors")):
        return None
    return (
        f"{path} holds no *.safetensors: pickled weights are not read; convert it with "
        "save_pretrained of a recent transformers, and give the new folder"
    )


def _cached(model: str, revision: str) -> Path | None:
    from huggingface_hub import snapshot_download

    try:
        path = Path(snapshot_download(model, revision=revision, local_files_only=True))
    except (OSError, ValueError):
        return None
    return path if (path / "config.json").exists() and any(path.glob("*.safetensors")) else None


def _download(model: str, revision: str) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(
            snapshot_download(
                model, revision=revision, allow_patterns=list(_FILES), ignore_patterns=list(_OTHERS)
            )
        )
    except Exception as error:  # many kinds: no network, no such name, no permission, full disk
        raise UnavailableError(
            f"the model {model!r} is neither a folder nor downloaded, and cannot be fetched "
            f"({type(error).__name__}); give a folder with config.json, the tokenizer's files and "
            "model.safetensors, or run once where huggingface.co can be reached"
        ) from error


def _model_files(path: Path) -> Iterable[str]:
    files = {file for pattern in _FILES for file in path.rglob(pattern)}
    return sorted(file.relative_to(path).as_posix() for file in files)


def _content(folder: Path, files: Iterable[Path]) -> dict[str, Value]:
    stamps = tuple((str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files)
    return {"model": f"sha256:{_digest(str(folder), stamps)}"}


@lru_cache(maxsize=8)
def _digest(folder: str, stamps: tuple[tuple[str, int, int], ...]) -> str:
    digest = hashlib.sha256()
    for name, size, _ in stamps:
        digest.update(f"{Path(name).relative_to(folder).as_posix()} {size}\n".encode())
        with Path(name).open("rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
    return digest.hexdigest()[:32]
