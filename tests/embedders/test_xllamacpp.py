"""OpenAI's SDK against a server of other people: xllamacpp, serving a real model on loopback."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from benchkit.contracts.config import Value
from benchkit.embeddings.embed import embedder
from benchkit.toolkit.spending import Account
from benchkit_plugins.language_models import served
from tests.embedders.asking import embedded, kept
from tests.llama import missing, serving

TEXTS = ["rose hand cream", "rose hand lotion", "turbo racing game", "日本語"]

pytestmark = pytest.mark.skipif(bool(missing), reason=missing)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    import xllamacpp

    pooling = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    with serving(embedding=True, pooling_type=pooling) as address:
        yield f"{address}/v1"


def test_it_serves_our_embedder(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    monkeypatch.setenv("BENCHKIT_HOME", str(tmp_path))
    given: dict[str, Value] = {
        "base_url": address,
        "model": "served",
        "price_per_million_tokens": 0.0,
    }
    spending = Account(cap=0.0)
    found = embedded(tmp_path, "openai", TEXTS, given, spending=spending)
    assert found.shape == (4, 576)
    assert spending.tokens >= len(TEXTS), "the server counts them"
    assert kept(tmp_path, "openai", TEXTS, given) == len(TEXTS)
    np.testing.assert_allclose(found[0], asked_plainly(address, TEXTS[0]), atol=1e-4)
    cosines = found @ found.T / np.outer(*[np.linalg.norm(found, axis=1)] * 2)
    assert cosines[0, 1] > cosines[0, 2] > cosines[0, 3]
    told = embedder("openai", given).identity()
    assert told["revision"]
    served._reported.cache_clear()
    assert embedder("openai", given).identity() == told, "it tells the same again"
    monkeypatch.delenv("OPENAI_API_KEY")
    np.testing.assert_array_equal(embedded(tmp_path, "openai", TEXTS, given), found)


def asked_plainly(address: str, text: str) -> list[float]:
    """Return a text's vector as the server gives it in plain numbers."""
    body = json.dumps({"model": "served", "input": [text], "encoding_format": "float"})
    request = urllib.request.Request(
        f"{address}/embeddings", body.encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        vector: list[float] = json.load(answer)["data"][0]["embedding"]
    return vector
