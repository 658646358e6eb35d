"""StoredModel prompt by prompt: what one meets harms no other, and nothing is paid for twice."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from benchkit.contracts.errors import BenchkitError, UnavailableError
from benchkit_plugins.language_models import vertex
from benchkit_plugins.recommenders.prompted.providers.hosted import one_by_one
from benchkit_plugins.recommenders.prompted.providers.hosted.answers import seed_of
from tests.recommenders.prompted.asking import (
    Recorder,
    answers,
    prompt,
    provider,
    sampled,
    sampling,
)
from tests.recommenders.prompted.server import Refused, Service


@pytest.mark.parametrize(
    "error",
    [
        Refused(400, "no", "context_length_exceeded"),
        Refused(400, "no", type_="exceed_context_size_error"),
        Refused(400, "This model's maximum context length is 9 tokens. However, ..."),
        Refused(422, "the input is longer than the model's context length (9 tokens)"),
    ],
)
def test_a_prompt_that_is_too_long_has_empty_texts(service: Service, error: Refused) -> None:
    service.errors, recorder = {"LONG": error}, Recorder()
    asked = provider("openai", service.url)
    found = sampled(asked, ["LONG", "x", "y"], recorder=recorder)
    assert found["LONG"].texts == ("", "", "")
    assert found["LONG"].dollars == 0 < found["LONG"].reserved
    assert all(found["x"].texts + found["y"].texts)
    assert [body["n"] for body in service.sent("POST /v1/chat")] == [3, 3, 3]
    said = f"1 of 3 prompts are too long for {asked.service.model}: they count as unanswered"
    assert recorder.lines == [said]


def test_a_prompt_that_is_refused_keeps_no_other_from_its_answer(service: Service) -> None:
    service.errors = {"BAD": Refused(400, "cannot read {key}")}
    asked, texts = provider("openai", service.url, concurrency=1), ["x", "BAD", "y", "z"]
    reading = asked.sample(None, [prompt(text) for text in texts], sampling(), print, print)
    found: list[int] = []
    with pytest.raises(
        UnavailableError, match=r"refused 1 of 4 .* 400: .*cannot read \[secret\]; the"
    ):
        found.extend(index for index, _ in reading)
    assert found == [0, 2, 3]
    counts = [body["n"] for body in service.sent("POST /v1/chat")]
    assert counts == [3, 3, 1, 3, 3], "who takes no fewer is no reason to ask others for fewer"


@pytest.mark.parametrize("words", ["temperature is not supported", "no room: the context size"])
def test_who_refuses_all_prompts_is_not_asked_on(
    service: Service, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    monkeypatch.setattr(one_by_one, "HOPELESS", 3)
    service.errors = {"x": Refused(400, words)}
    asked = provider("openai", service.url, concurrency=1)
    prompts = [prompt(f"x {n}") for n in range(9)]
    found: list[int] = []
    reading = asked.sample(None, prompts, sampling(1), print, print)
    with pytest.raises(UnavailableError, match=f"openai refuses all prompts: .* 400: .*{words}"):
        found.extend(index for index, _ in reading)
    assert (found, service.count("POST /v1/chat")) == ([], 3)
    service.errors = {}
    assert len(list(asked.sample(None, prompts, sampling(1), print, print))) == 9


@pytest.mark.parametrize("most", [128, 4, 1])
@pytest.mark.parametrize("name", ["openai", "vertex"])
def test_another_seed_draws_other_completions(service: Service, name: str, most: int) -> None:
    if name == "vertex" and vertex.not_installed():
        pytest.skip("needs the extra vertex")
    service.most = most
    draws = [
        sampled(provider(name, service.url), ["x"], replace(sampling(20), seed=seed))["x"].texts
        for seed in (0, 1, 2)
    ]
    assert len({text for texts in draws for text in texts}) == 60


def test_seeds_are_none_that_a_service_refuses() -> None:
    seeds = [seed_of(replace(sampling(), seed=seed), 0) for seed in (0, 2**63, 2**200)]
    assert all(0 <= seed < 2**31 for seed in seeds)


def test_who_refuses_a_prompt_takes_no_more_of_the_cap_with_each_try(service: Service) -> None:
    service.errors = {"BAD": Refused(400, "cannot read it")}
    asked, allowed = provider("openai", service.url), list[float]()
    with pytest.raises(UnavailableError, match="refused 1 of 1"):
        list(asked.sample(None, [prompt("BAD")], sampling(20), allowed.append, print))
    assert [body["n"] for body in service.sent("POST /v1/chat")] == [20, 10, 5, 2, 1]
    whole = asked.sampling_work([prompt("BAD")], sampling(20)).dollars
    assert math.isclose(sum(allowed), whole)


def test_what_a_request_brought_is_not_paid_for_again(service: Service) -> None:
    def allow(_dollars: float) -> None:
        if service.count("POST /v1/chat") == 5:  # of five completions, then two, then one at a time
            raise BenchkitError("enough")

    service.most, how = 1, sampling(5)
    with pytest.raises(BenchkitError, match="enough"):
        list(provider("openai", service.url).sample(None, [prompt("x")], how, allow, print))
    recorder, asked = Recorder(), provider("openai", service.url)
    found = sampled(asked, ["x"], how, recorder=recorder)["x"]
    assert found.texts == answers("x", 1, 1, 1, 1, 1, how=how)
    assert [body["n"] for body in service.sent("POST /v1/chat")[5:]] == [2, 1, 1]
    assert (found.prompt_tokens, found.completion_tokens) == (5 * 3, 5 * 2)
    assert math.isclose(found.dollars, (15 * 1 + 10 * 2) / 1e6)
    assert math.isclose(found.reserved, sum(recorder.allowed))
    assert math.isclose(found.earlier, 0.6 * found.dollars), "three of them by the run before"
    other = sampled(asked, ["x"], replace(how, seed=101))["x"]
    assert not set(found.texts) & set(other.texts), "what was drawn otherwise is no part of it"
