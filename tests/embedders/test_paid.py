"""OpenAI and Vertex AI through their real SDKs, against a server on loopback."""

from __future__ import annotations

import importlib.util
import math
import re
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchkit.contracts.config import Value
from benchkit.contracts.errors import BenchkitError, ConfigError, PluginError, UnavailableError
from benchkit.embeddings.embed import embedder, missing
from benchkit.toolkit.spending import Account
from benchkit_plugins.embedders import openai, vertex
from benchkit_plugins.language_models.openai import said
from benchkit_plugins.language_models.tokens import estimated_tokens, plausible_tokens
from tests.embedders.asking import embedded, kept
from tests.embedders.server import DIM, Server, vector

GOOGLE = importlib.util.find_spec("google") and importlib.util.find_spec("google.cloud")
NO_VERTEX = not GOOGLE or importlib.util.find_spec("google.cloud.aiplatform_v1") is None
SERVICES = [
    "openai",
    pytest.param("vertex", marks=pytest.mark.skipif(NO_VERTEX, reason="needs the extra vertex")),
]
TEXTS = [f"title number {number}" for number in range(20)] + ["日本語", "<b>\x1b[31m", "\ud800!"]
Ask = Callable[..., Any]

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.fixture(params=SERVICES)
def service(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def values(service: str, server: Server, **more: Value) -> dict[str, Value]:
    where: dict[str, Value] = (
        {"base_url": f"{server.url}/v1"} if service == "openai" else {"api_endpoint": server.url}
    )
    return {**where, "timeout": 5.0, "concurrency": 1, **more}


def small_requests(monkeypatch: pytest.MonkeyPatch, texts: int) -> None:
    for component in (openai.OpenAI, vertex.Vertex):
        monkeypatch.setattr(component, "texts_a_request", lambda self: texts)


def expected(texts: list[str]) -> Any:
    return np.stack([vector(text.replace("\ud800", "?")) for text in texts])


def test_vectors_arrive_and_are_kept(service: str, server: Server, tmp_path: Path) -> None:
    spending = Account()
    given = values(service, server)
    np.testing.assert_array_equal(
        embedded(tmp_path, service, TEXTS, given, spending=spending), expected(TEXTS)
    )
    tokens = sum(len(text.split()) for text in TEXTS)
    assert spending.tokens == tokens
    characters = sum(map(len, TEXTS))
    price = tokens * 0.02e-6 if service == "openai" else characters * 0.025e-6
    assert math.isclose(spending.dollars, price)
    later = Account(cap=0.0)
    again = embedded(tmp_path, service, [*TEXTS, TEXTS[0]], given, spending=later)
    np.testing.assert_array_equal(again[:-1], expected(TEXTS))
    assert len(server.asked) == 1, "the second time nothing is asked"
    assert later.dollars == 0
    assert later.used() == {"tokens": tokens, "cost": pytest.approx(price)}
    embedded(tmp_path, service, TEXTS[:9], given, spending=later)
    assert later.used()["tokens"] == tokens, "what is used twice has cost once"


@pytest.mark.parametrize("order", ["429", "500", "503", "408", "cut", "slow", "no json"])
def test_what_passes_is_waited_out(
    service: str, server: Server, tmp_path: Path, order: str
) -> None:
    server.orders = [order, order]
    given = values(service, server, timeout=0.3 if order == "slow" else 5.0)
    found = embedded(tmp_path, service, TEXTS, given)
    np.testing.assert_array_equal(found, expected(TEXTS))
    assert len(server.asked) == 3


def test_retry_after_is_honoured(service: str, server: Server, tmp_path: Path) -> None:
    server.orders, server.after = ["429"], "1"
    embedded(tmp_path, service, TEXTS, values(service, server))
    first, second = server.times
    assert 1.0 <= second - first < 3.0


def test_a_long_retry_after_is_not_waited_for(service: str, server: Server, tmp_path: Path) -> None:
    server.orders, server.after = ["429"], "3600"
    with pytest.raises(UnavailableError, match=r"answered 429.*wants us to wait for 3600 s"):
        embedded(tmp_path, service, TEXTS, values(service, server))
    assert len(server.asked) == 1


@pytest.mark.parametrize("order", ["429", "500", "cut"])
def test_at_last_it_gives_up(service: str, server: Server, tmp_path: Path, order: str) -> None:
    server.orders = [order] * 9
    with pytest.raises(UnavailableError, match="after 3 tries; what has arrived is kept"):
        embedded(tmp_path, service, TEXTS, values(service, server, retries=2))
    assert len(server.asked) == 3


@pytest.mark.parametrize("order", ["400", "403", "404"])
def test_what_does_not_pass_is_not_tried_again(
    service: str, server: Server, tmp_path: Path, order: str
) -> None:
    server.orders = [order]
    with pytest.raises(UnavailableError, match=f"{service} answered {order}: .*not now"):
        embedded(tmp_path, service, TEXTS, values(service, server))
    assert len(server.asked) == 1


def test_used_up_money_is_not_waited_for(server: Server, tmp_path: Path) -> None:
    server.orders = ["429"]
    server.body = {"error": {"message": "no money", "code": "insufficient_quota"}}
    with pytest.raises(UnavailableError, match=r"429: .*no money"):
        embedded(tmp_path, "openai", TEXTS, values("openai", server))
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("order", "words"),
    [
        ("count", r"returned 22 vectors for 23 texts"),
        ("nan", "not finite"),
        ("same", "the same vector for 23 different texts"),
        ("zero", "a zero vector for the text 'title number 0'"),
    ],
)
def test_nonsense_is_refused_and_not_kept(
    service: str, server: Server, tmp_path: Path, order: str, words: str
) -> None:
    server.orders = [order]
    given = values(service, server)
    with pytest.raises(PluginError, match=f"{words}.*nothing of it is kept"):
        embedded(tmp_path, service, TEXTS, given)
    assert kept(tmp_path, service, TEXTS, given) == 0
    np.testing.assert_array_equal(embedded(tmp_path, service, TEXTS, given), expected(TEXTS))


@pytest.mark.parametrize(
    ("order", "words"),
    [
        *product(("twice", "numbered", "unnumbered"), ["vectors of unknown texts"]),
        *product(
            ("null", "nested", "strings", "words"), ["no vector for the text 'title number 0'"]
        ),
        ("error", "no list of embeddings: model not loaded"),
    ],
)
def test_what_only_openais_protocol_permits_is_refused_likewise(
    server: Server, tmp_path: Path, order: str, words: str
) -> None:
    server.orders = [order]
    given = values("openai", server)
    with pytest.raises(PluginError, match=f"openai returned {words}.*nothing of it is kept"):
        embedded(tmp_path, "openai", TEXTS, given)
    assert kept(tmp_path, "openai", TEXTS, given) == 0


def test_a_count_of_tokens_that_cannot_be_is_estimated(server: Server, tmp_path: Path) -> None:
    server.orders, spending = ["negative"], Account()
    embedded(tmp_path, "openai", TEXTS, values("openai", server), spending=spending)
    sent = [text.replace("\ud800", "?") for text in TEXTS]
    assert spending.tokens == sum(map(estimated_tokens, sent))
    assert spending.dollars > 0
    for count in (None, "9", True, 0, 10**12, math.nan, math.inf):
        assert plausible_tokens(count, TEXTS) is None
    assert plausible_tokens(7.0, TEXTS) == 7


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"error": {"message": "slow down", "type": "x"}}, "slow down"),
        ({"detail": "Not Found"}, "Not Found"),
        ({"detail": [{"loc": ["input"], "msg": "too long"}]}, "too long"),
        ("input too long", "input too long"),
        ("<html><h1>Bad Gateway</h1></html>", "Bad Gateway"),
        ({"error": None, "message": "no"}, "no"),
        ({"object": 3}, ""),
    ],
)
def test_a_servers_own_words_are_found(body: object, words: str) -> None:
    assert said(body) == words


def test_another_dimension_than_asked_is_refused(
    service: str, server: Server, tmp_path: Path
) -> None:
    server.orders = ["dim"]
    given = values(service, server, dimensions=DIM)
    with pytest.raises(PluginError, match=f"vectors of 5 dimensions, not {DIM}"):
        embedded(tmp_path, service, TEXTS, given)
    assert kept(tmp_path, service, TEXTS, given) == 0
    assert embedded(tmp_path, service, TEXTS, given).shape == (len(TEXTS), DIM)
    sent = server.requests[-1]
    assert DIM in (sent.get("dimensions"), sent.get("parameters", {}).get("outputDimensionality"))


def test_another_dimension_than_before_is_refused(
    service: str, server: Server, tmp_path: Path
) -> None:
    given = values(service, server)
    embedded(tmp_path, service, TEXTS[:10], given)
    server.orders = ["more dims"]
    with pytest.raises(PluginError, match=f"{DIM + 1} dimensions, not {DIM}"):
        embedded(tmp_path, service, TEXTS, given)
    assert kept(tmp_path, service, TEXTS, given) == 10


def test_what_has_arrived_is_kept_and_only_the_rest_asked(
    service: str, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_requests(monkeypatch, 5)
    server.orders = ["", "", "", "403"]
    given = values(service, server)
    with pytest.raises(UnavailableError, match="403"):
        embedded(tmp_path, service, TEXTS, given)
    assert kept(tmp_path, service, TEXTS, given) == 15
    server.asked.clear()
    told: list[tuple[int, int]] = []
    embedded(tmp_path, service, TEXTS, given, progress=lambda *now: told.append(now))
    assert server.texts() == [text.replace("\ud800", "?") for text in TEXTS[15:]]
    assert told == [(5, 8), (8, 8)]


def test_what_is_under_way_when_another_fails_is_kept(
    service: str, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_requests(monkeypatch, 5)
    server.orders, server.delay = ["", "", "403"], 0.1
    given = values(service, server, concurrency=3)
    with pytest.raises(UnavailableError, match="403"):
        embedded(tmp_path, service, TEXTS, given)
    answered = sum(len(texts) for place, texts in enumerate(server.asked) if place != 2)
    assert kept(tmp_path, service, TEXTS, given) == answered > 0


def test_concurrency_is_bounded(
    service: str, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_requests(monkeypatch, 2)
    server.delay = 0.05
    embedded(tmp_path, service, TEXTS, values(service, server, concurrency=3))
    assert server.most == 3


def test_the_cap_is_never_exceeded(
    service: str, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_requests(monkeypatch, 5)
    given = values(service, server, price_per_million_tokens=1e6)  # a dollar a token
    _, estimate = missing(service, {service: given}, TEXTS, tmp_path)
    assert estimate.texts == len(TEXTS)
    assert estimate.dollars == estimate.tokens > sum(len(text.split()) for text in TEXTS)
    with pytest.raises(BenchkitError, match=r"cap of \$10 would be exceeded"):
        embedded(tmp_path, service, TEXTS, given, spending=Account(cap=10))
    assert not server.asked, "not even one call fits"
    spending = Account(cap=60)
    with pytest.raises(BenchkitError, match=r"cap of \$60 would be exceeded.*kept"):
        embedded(tmp_path, service, TEXTS, given, spending=spending)
    assert 0 < kept(tmp_path, service, TEXTS, given) < len(TEXTS)
    assert 0 < spending.dollars <= 60
    embedded(tmp_path, service, TEXTS, given, spending=Account(cap=500))
    assert kept(tmp_path, service, TEXTS, given) == len(TEXTS)


def test_a_lost_answer_may_have_been_paid_for(service: str, server: Server, tmp_path: Path) -> None:
    given = values(service, server, price_per_million_tokens=1e6)
    _, estimate = missing(service, {service: given}, TEXTS, tmp_path)
    server.orders = ["cut"]
    with pytest.raises(BenchkitError, match="would be exceeded"):
        embedded(tmp_path, service, TEXTS, given, spending=Account(cap=1.5 * estimate.dollars))
    assert len(server.asked) == 1
    server.orders = ["429"]  # costs nothing
    embedded(tmp_path, service, TEXTS, given, spending=Account(cap=1.5 * estimate.dollars))


def test_an_unknown_price_is_asked_for(service: str, server: Server, tmp_path: Path) -> None:
    given = values(service, server, model="my-own")
    with pytest.raises(UnavailableError, match=rf"{service}\.price_per_million_tokens=DOLLARS"):
        embedded(tmp_path, service, TEXTS, given)
    assert not server.asked
    embedded(tmp_path, service, TEXTS, {**given, "price_per_million_tokens": 0})
    # nobody needs the price of what is there
    assert missing(service, {service: given}, TEXTS, tmp_path)[0] == []


def test_it_works_offline_and_without_a_key_from_the_store(
    service: str, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = values(service, server)
    embedded(tmp_path, service, TEXTS, given)
    monkeypatch.delenv("OPENAI_API_KEY")
    monkeypatch.delenv("GOOGLE_CLOUD_PROJECT")
    again = embedded(tmp_path, service, TEXTS[::-1], given)
    np.testing.assert_array_equal(again, expected(TEXTS[::-1]))
    with pytest.raises(UnavailableError, match=r"OPENAI_API_KEY|GOOGLE_CLOUD_PROJECT"):
        embedded(tmp_path, service, [*TEXTS, "one more"], given)


@pytest.mark.parametrize(
    ("name", "same", "other"),
    [
        (
            "openai",
            [{"concurrency": 9}, {"timeout": 1.0}, {"price_per_million_tokens": 3.0}],
            [{"base_url": "http://localhost/v1"}, {"model": "x"}, {"dimensions": 7}],
        ),
        (
            "vertex",
            [{"location": "europe-west4"}, {"project": "p"}, {"texts_per_request": 1}],
            [{"api_endpoint": "http://localhost"}, {"model": "x"}, {"task_type": "CLUSTERING"}],
        ),
    ],
)
def test_identity_is_what_decides_the_vectors(
    name: str, same: list[dict[str, Value]], other: list[dict[str, Value]]
) -> None:
    plain = embedder(name, {}).identity()
    assert all(embedder(name, each).identity() == plain for each in same)
    assert all(embedder(name, each).identity() != plain for each in other)


@pytest.mark.parametrize("address", ["http://me:secret@host/v1", "https://h/v1?key=1", "host", ""])
def test_addresses_hold_no_secrets(address: str) -> None:
    for name, field in (("openai", "base_url"), ("vertex", "api_endpoint")):
        with pytest.raises(ConfigError, match=field) as caught:
            embedder(name, {field: address})
        assert not re.search("secret@|key=1", str(caught.value))


def test_servers_that_ignore_base64_are_understood(server: Server, tmp_path: Path) -> None:
    server.orders = ["floats"]
    found = embedded(tmp_path, "openai", TEXTS, values("openai", server))
    np.testing.assert_array_equal(found, expected(TEXTS))
    assert server.requests[0]["encoding_format"] == "base64"


def test_openai_base_url_in_the_environment_changes_nothing(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    embedded(tmp_path, "openai", TEXTS, values("openai", server))
    assert server.paths == ["/v1/embeddings"]


@pytest.mark.skipif(NO_VERTEX, reason="needs the extra vertex")
def test_vertex_asks_the_right_address(server: Server, tmp_path: Path) -> None:
    embedded(tmp_path, "vertex", TEXTS, values("vertex", server, task_type="CLUSTERING"))
    assert server.paths[0].partition("?")[0] == (
        "/v1/projects/some-project/locations/us-central1"
        "/publishers/google/models/text-embedding-005:predict"
    )
    assert server.requests[0]["instances"][0] == {"content": TEXTS[0], "task_type": "CLUSTERING"}
