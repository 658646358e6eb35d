"""OpenAI's batch API through its real SDK, against a server on loopback."""

from __future__ import annotations

import json
import math
from itertools import product
from typing import Any

import pytest

from benchkit.contracts.errors import BenchkitError, UnavailableError
from benchkit_plugins.language_models import openai
from benchkit_plugins.recommenders.prompted.providers.hosted.provider import Hosted
from benchkit_plugins.recommenders.prompted.providers.openai import batches
from benchkit_plugins.recommenders.prompted.providers.openai.provider import OpenAI
from tests.recommenders.prompted.asking import (
    Recorder,
    answers,
    prompt,
    provider,
    sampled,
    sampling,
)
from tests.recommenders.prompted.killed import TEXTS
from tests.recommenders.prompted.killing import kill_in_the_middle
from tests.recommenders.prompted.server import Refused, Service


def batching(service: Service) -> Hosted:
    return provider("openai", service.url, batch=True)


def test_answers_arrive(service: Service) -> None:
    recorder, asked = Recorder(), batching(service)
    found = sampled(asked, TEXTS, recorder=recorder)
    assert set(found) == set(TEXTS)
    assert found["prompt 3"].texts == answers("prompt 3", 3)
    (batch,) = service.batches
    line = json.loads(service.files[0]["content"].splitlines()[0])
    assert line["url"] == batch["body"]["endpoint"] == "/v1/chat/completions"
    assert service.count("POST /v1/chat") == 0
    assert math.isclose(sum(each.reserved for each in found.values()), recorder.allowed[0])
    work = asked.sampling_work([prompt(text) for text in TEXTS], sampling())
    assert math.isclose(work.dollars, recorder.allowed[0])
    # a share of the batch's 100 seconds, of 10 requests
    assert found["prompt 3"].seconds == 10.0
    assert "in progress, 5 of 10" in recorder.lines[1]


def test_half_the_price(service: Service) -> None:
    own = provider("openai", service.url, batch=True, price=None, model="gpt-4o-mini-2024-07-18")
    found = sampled(own, ["x"], model=None)["x"]
    tokens = (found.prompt_tokens * 0.15 + found.completion_tokens * 0.6) / 1e6
    assert math.isclose(found.dollars, tokens / 2)


def test_a_base_url_is_asked_one_by_one_unless_told(service: Service) -> None:
    sampled(provider("openai", service.url), [f"x {n}" for n in range(101)])
    assert not service.batches
    assert service.count("POST /v1/chat") == 101


def test_a_killed_run_finds_its_batch_again(service: Service) -> None:
    service.life = ["in_progress"] * 10_000
    kill_in_the_middle(service, "sample", "openai", lambda: service.count("GET /v1/batches/") > 3)
    with service.lock:
        service.batches[0]["life"] = ["in_progress", "completed"]
    recorder = Recorder()
    found = sampled(batching(service), TEXTS, recorder=recorder)
    assert set(found) == set(TEXTS)
    assert len(service.batches) == 1
    assert not recorder.allowed
    assert all(each.earlier == each.dollars > 0 for each in found.values())
    assert all(each.dollars > 0 and each.reserved == 0 for each in found.values())


def test_killed_while_reading_nothing_is_paid_twice(service: Service) -> None:
    prompts = [prompt(text) for text in TEXTS]
    reading = batching(service).sample(None, prompts, sampling(), Recorder().allow, print)
    read = [next(reading) for _ in range(4)]
    del reading
    rest = sampled(batching(service), TEXTS[4:])
    assert len(service.batches) == 1
    assert {TEXTS[index] for index, _ in read} | set(rest) == set(TEXTS)


def test_a_batch_is_read_though_too_few_are_left_to_begin_one(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openai, "OWN", f"{service.url}/v1")
    texts = [f"q {number}" for number in range(150)]
    prompts = [prompt(text) for text in texts]
    reading = provider("openai", service.url).sample(
        None, prompts, sampling(), lambda _: None, print
    )
    read = {texts[next(reading)[0]] for _ in range(100)}
    del reading
    recorder = Recorder()
    left = [text for text in texts if text not in read]
    found = sampled(provider("openai", service.url), [*left, "new"], recorder=recorder)
    assert set(found) == {*left, "new"}
    assert len(service.batches) == 1
    assert service.count("POST /v1/chat") == len(recorder.allowed) == 1
    assert found["new"].texts == answers("new", 3)


def test_another_temperature_is_another_batch(service: Service) -> None:
    sampled(batching(service), TEXTS)
    sampled(batching(service), TEXTS, sampling(temperature=0.7))
    sampled(batching(service), ["one more"])
    assert len(service.batches) == 3
    # 0.5 and 0.7 make files of one length
    files = [f["content"] for f in service.files if f["purpose"] == "batch"]
    sent = [json.loads(content.splitlines()[0]) for content in files]
    assert [each["body"]["temperature"] for each in sent] == [0.5, 0.7, 0.5]


def test_a_batch_that_asks_something_else_is_not_waited_for(service: Service) -> None:
    service.life = ["in_progress"] * 10_000
    service.orders = [("GET /v1/batches/", "403")]
    with pytest.raises(UnavailableError, match="answered 403"):
        sampled(batching(service), ["other"])
    service.life = ["succeeded"]
    assert all(sampled(batching(service), ["x"])["x"].texts)
    assert len(service.batches) == 2


def test_what_a_batch_left_out_is_asked_again(service: Service) -> None:
    service.answered_of_a_batch, service.life = 4, ["expired"]
    recorder = Recorder()
    found = sampled(batching(service), TEXTS, recorder=recorder)
    assert set(found) == set(TEXTS)
    sizes = [len(f["content"].splitlines()) for f in service.files if f["purpose"] == "batch"]
    assert sizes == [10, 6, 2]
    assert len(recorder.allowed) == 3
    assert math.isclose(sum(each.reserved for each in found.values()), sum(recorder.allowed))


def test_a_batch_without_answers_is_an_error(service: Service) -> None:
    service.answered_of_a_batch, service.life = 0, ["expired"]
    with pytest.raises(UnavailableError, match="brought no answer: too late; the same command"):
        sampled(batching(service), TEXTS)
    service.answered_of_a_batch, service.life = 10, ["succeeded"]
    assert set(sampled(batching(service), TEXTS)) == set(TEXTS)


@pytest.mark.parametrize(
    ("end", "words"), [("failed", "too many tokens"), ("vanished", "it has vanished")]
)
def test_a_failed_batch_can_be_begun_again(service: Service, end: str, words: str) -> None:
    service.life = ["in_progress", end]
    with pytest.raises(UnavailableError, match=f"brought no answer: {words}"):
        sampled(batching(service), TEXTS)
    service.life = ["succeeded"]
    assert set(sampled(batching(service), TEXTS)) == set(TEXTS)


def test_refused_and_hostile_prompts_are_answered(service: Service) -> None:
    found = sampled(batching(service), ["REFUSE", "FILTER", "x", "?", "\ud800"])
    assert found["REFUSE"].texts == found["FILTER"].texts == ("", "", "")
    assert all(found["x"].texts)
    assert found["?"].texts == found["\ud800"].texts, "both are answered"
    assert len(service.batches) == 1


def test_prompts_that_are_not_taken_keep_no_other_from_its_answer(service: Service) -> None:
    service.errors = {
        "LONG": Refused(400, "no", "context_length_exceeded"),
        "BAD": Refused(400, "cannot read it"),
    }
    texts, recorder = ["LONG", "BAD", "x"], Recorder()
    prompts = [prompt(text) for text in texts]
    reading = batching(service).sample(None, prompts, sampling(), print, recorder.report)
    found: list[Any] = []
    with pytest.raises(UnavailableError, match="refused 1 of 3 prompts: cannot read it; the other"):
        found.extend(reading)
    said = {texts[index]: completions.texts for index, completions in found}
    assert said == {"LONG": ("", "", ""), "x": answers("x", 3)}
    assert "1 of 3 prompts are too long" in recorder.lines[-1]
    assert len(service.batches) == 1, "the same day, it would be refused again"
    service.errors = {}
    assert all(sampled(batching(service), ["BAD"])["BAD"].texts)


@pytest.mark.parametrize(
    ("request_", "order"),
    [
        *product(["POST /v1/files", "POST /v1/batches", "GET /v1/batches/"], ["cut", "429"]),
        ("POST /v1/batches", "slow"),
        ("/content", "cut"),
        ("/content", "500"),
    ],
)
def test_what_passes_is_waited_out(service: Service, request_: str, order: str) -> None:
    service.orders, recorder = [(request_, order)], Recorder()
    asked = provider("openai", service.url, batch=True, timeout=0.6 if order == "slow" else 5.0)
    assert set(sampled(asked, TEXTS, recorder=recorder)) == set(TEXTS)
    assert len(service.batches) == 1
    assert len(recorder.allowed) == 1


def test_files_that_are_no_answers_are_survived(service: Service) -> None:
    service.orders = [("/content", "no json")]
    with pytest.raises(UnavailableError, match="brought no answer; the same command"):
        sampled(batching(service), TEXTS)
    assert set(sampled(batching(service), TEXTS)) == set(TEXTS)
    assert len(service.batches) == 1
    lines = [b"", b"[]", b'{"custom_id": 1}', b'{"response": [1], "error": "x"}', b"\xff"]
    prompts = [prompt(text) for text in TEXTS]
    asked = batching(service)
    assert isinstance(asked, OpenAI)
    run = batches._Run(asked.service, None, sampling(), prompts, print)
    hostile: list[dict[str, object]] = [
        {"response": {"body": 1}},
        {"response": []},
        {"error": 5},
        {"error": {"code": []}},
    ]
    named = zip(run.waiting, hostile, strict=False)
    lines += [json.dumps({"custom_id": name, **each}).encode() for name, each in named]
    assert not [found for line in lines for found in run._read(line, 1.0)]


def test_large_sets_are_split_and_the_cap_holds(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "LARGEST", 4)
    allowed: list[float] = []

    def allow(dollars: float) -> None:
        if len(allowed) == 2:
            raise BenchkitError("enough")
        allowed.append(dollars)

    prompts = [prompt(text) for text in TEXTS]
    found: set[int] = set()
    reading = batching(service).sample(None, prompts, sampling(), allow, print)
    with pytest.raises(BenchkitError, match="enough"):
        found.update(index for index, _ in reading)
    assert found == set(range(8))
    assert len(service.batches) == 2
