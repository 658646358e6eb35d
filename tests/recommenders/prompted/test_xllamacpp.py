"""Completions of a server of other people: xllamacpp, serving SmolLM2 on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.llama import missing, serving
from tests.recommenders.prompted.asking import provider, sampled, sampling

pytestmark = pytest.mark.skipif(bool(missing), reason=missing)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serving(n_parallel=4) as address:
        yield address


def test_it_completes(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    asked = provider("openai", address, model="served", price="0/0/0", timeout=60.0)
    found = sampled(
        asked, ["Name a colour.", "Name a fruit."], replace(sampling(6, 1.0), max_tokens=4)
    )
    assert all(len(each.texts) == 6 and all(each.texts) for each in found.values())
    assert len(set(found["Name a colour."].texts)) > 1, "they are sampled"
    assert asked.service.most == 3, "it has four slots, and refuses six"
    assert all(each.prompt_tokens > 0 and each.dollars == 0 for each in found.values())
    again = sampled(asked, ["Name a colour."], replace(sampling(6, 0.0), max_tokens=4))[
        "Name a colour."
    ]
    assert len(set(again.texts)) == 1
