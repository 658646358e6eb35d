"""Which model answers at an address of the user's: its name says little, the server says more."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from benchkit import UnavailableError
from benchkit_plugins.language_models import openai

if TYPE_CHECKING:
    from benchkit.contracts.config import Value

# What belongs to the weights and stays when a server starts again. Other fields do not: vLLM and
# llama.cpp give the present time as `created`, vLLM draws the ids of its permissions, others list
# prices and what is loaded.
_OF_ENTRY = ("root", "parent")  # vLLM, SGLang: the path or name that the weights were loaded from
_OF_META = ("n_params", "size", "n_vocab", "n_embd", "n_ctx_train", "vocab_type")  # llama.cpp
_OF_PROPS = ("model_path", "chat_template")  # llama.cpp
_NOTHING_THERE = (404, 405, 501)  # statuses of a server that does not know the address
_TIMEOUT = 5.0  # seconds
_FRESH = 60.0  # seconds for which an answer is not asked for again


def revision(
    identity: Mapping[str, Value],
    named: str | None,
    stores: Callable[[], Iterable[Mapping[str, Any]]],
) -> dict[str, Value]:
    """Return the part of an identity that tells apart models of one name at one server.

    Where the server cannot be asked, and so without a key, it is the model whose answers are kept:
    who has them needs no server.

    Args:
        identity: all else that decides the answers; ``model`` and ``base_url`` among it.
        named: the user's word for the model's revision; None: what the server tells of it.
        stores: gives the identities of those that there are.

    Returns:
        ``{"revision": ...}``, or nothing where the server does not tell.

    Raises:
        UnavailableError: the server cannot be asked, and answers of several models are kept.
    """
    address, model = str(identity["base_url"]), str(identity["model"])
    if named is not None:
        return {"revision": named}
    if address == openai.OWN:  # its names are revisions
        return {}
    digest = None
    if openai.why_unavailable() is None:
        digest = _reported(address, model, openai.key(), int(time.monotonic() // _FRESH))
    if digest is None:
        digest = _of_stores(identity, stores())
    return {"revision": digest} if digest else {}


def _of_stores(identity: Mapping[str, Value], stores: Iterable[Mapping[str, Any]]) -> str:
    """Return the revision that stores of a model have, "" where none has one."""
    revisions = {
        str(other["revision"])
        for other in stores
        if "revision" in other and dict(other) == {**identity, "revision": other["revision"]}
    }
    if len(revisions) > 1:
        raise UnavailableError(
            f"{identity['base_url']} does not say which model it serves as {identity['model']!r}, "
            "and answers of several are kept: set the parameter revision to one of "
            f"{', '.join(sorted(revisions))}"
        )
    return "".join(revisions)


@lru_cache(maxsize=64)
def _reported(address: str, model: str, key: str, minute: int) -> str | None:
    """Return a digest of what a server tells of a model, "" for nothing; None: no answer.

    `key` and `minute` are there for the cache: another key may be told something else.
    """
    del key, minute
    client = openai.client(address, _TIMEOUT)
    try:
        entry = _entry(_get(client, f"{address}/models").get("data"), model)
        if "meta" in entry and not entry["meta"]:
            return None  # llama.cpp while it loads
        told = _chosen(entry, _OF_ENTRY) | _chosen(entry.get("meta"), _OF_META)
        if "meta" in entry:
            props = _get(client, f"{address.removesuffix('/v1')}/props")
            told |= _chosen(props, _OF_PROPS)
    except Exception:  # whatever it is, the server does not tell now
        return None
    text = json.dumps(told, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12] if told else ""


def _get(client: Any, address: str) -> dict[str, Any]:
    from openai import APIStatusError

    try:
        content = client.get(address, cast_to=object)
    except APIStatusError as error:
        if error.status_code not in _NOTHING_THERE:
            raise
        content = None
    return content if isinstance(content, dict) else {}


def _entry(entries: object, model: str) -> dict[str, Any]:
    """Return the entry of a model; that of a server with a single one, whatever it is called."""
    models = entries if isinstance(entries, list) else []
    models = [candidate for candidate in models if isinstance(candidate, dict)]
    entry: dict[str, Any] = models[0] if len(models) == 1 else {}
    return next((candidate for candidate in models if candidate.get("id") == model), entry)


def _chosen(content: object, names: Collection[str]) -> dict[str, Any]:
    fields = content if isinstance(content, dict) else {}
    return {name: fields[name] for name in names if fields.get(name)}
