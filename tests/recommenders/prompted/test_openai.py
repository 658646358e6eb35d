"""OpenAI's fine-tuning and chat completions through its real SDK, against a server on loopback."""

from __future__ import annotations

import json
import math
import tempfile
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from benchkit.contracts.errors import BenchkitError, ConfigError, UnavailableError
from benchkit.toolkit.spending import Account
from benchkit_plugins.language_models import served
from benchkit_plugins.recommenders.prompted.config import PromptedConfig
from benchkit_plugins.recommenders.prompted.providers.contract import Completions
from benchkit_plugins.recommenders.prompted.store import CompletionStore
from tests.recommenders.prompted.asking import (
    Recorder,
    answers,
    fine_tune,
    pairs,
    prompt,
    provider,
    sampled,
    sampling,
)
from tests.recommenders.prompted.conftest import KEY
from tests.recommenders.prompted.killing import kill_in_the_middle
from tests.recommenders.prompted.server import Service

JOBS = "POST /v1/fine_tuning/jobs"


def trained(service: Service, recorder: Recorder | None = None, **values: Any) -> Any:
    """Fine-tune with the service."""
    asked, recorder = provider("openai", service.url, **values), recorder or Recorder()
    return asked.train(fine_tune(asked), recorder.allow, recorder.report)


def test_another_model_behind_the_name_has_answers_of_its_own(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def identity(**values: Any) -> dict[str, Any]:
        served._reported.cache_clear()  # as in a new process
        return provider("openai", service.url, model="m", **values).identity()

    plain = identity()
    service.models = [{"id": "m", "created": 1, "root": "/models/one"}]
    one = identity()
    CompletionStore(Path(tempfile.gettempdir()), "openai", one).keep("k", Completions(("x",)))
    service.models = [{"id": "m", "created": 2, "root": "/models/two"}]
    assert plain != one != identity() != plain
    assert identity(revision="of mine") == {**plain, "revision": "of mine"}
    monkeypatch.delenv("OPENAI_API_KEY")
    assert identity() == one, "whoever has the answers needs no key"


def test_a_fine_tuning_runs_to_its_end(service: Service) -> None:
    service.losses, recorder = [0.5, 0.2, None, 0.9], Recorder()
    done = trained(service, recorder, epochs=2, learning_rate=0.5)
    assert done.model == f"ft:{service.jobs[0]['id']}:step-1", "the lowest validation loss"
    assert (done.tokens, done.seconds) == (5000, 60.0)
    assert math.isclose(done.dollars, 5000 * 3 / 1e6)
    assert [line.rpartition(": ")[2] for line in recorder.lines] == [
        "created",
        "now queued",
        "now running",
        "now succeeded",
    ]
    (body,) = service.sent(JOBS)
    tuning = {"n_epochs": 2, "learning_rate_multiplier": 0.5}
    assert body["method"]["supervised"]["hyperparameters"] == tuning
    assert (body["seed"], body["model"]) == (7, "gpt-4.1-mini-2025-04-14")
    lines = [json.loads(line) for line in service.files[0]["content"].splitlines()]
    assert len(lines) == 12
    assert [each["role"] for each in lines[0]["messages"]] == ["system", "user", "assistant"]
    assert body["validation_file"] == service.files[1]["id"]


def test_without_losses_the_final_model_is_taken(service: Service) -> None:
    service.losses = [None]
    assert trained(service).model == f"ft:{service.jobs[0]['id']}"


def test_a_job_is_found_again_on_any_page(service: Service) -> None:
    first = trained(service)
    asked, recorder = provider("openai", service.url), Recorder()
    for seed in range(5):
        asked.train(fine_tune(asked, seed), recorder.allow, recorder.report)
    assert trained(service, recorder) == first
    assert len(recorder.allowed) == 5, "what is found costs nothing"
    assert len(service.jobs) == 6
    assert asked.status(fine_tune(asked)).trained == first
    assert asked.status(fine_tune(asked, 99)).state == "none"


def test_a_killed_run_finds_its_job_again(service: Service) -> None:
    service.life = ["running"] * 10_000
    kill_in_the_middle(
        service, "train", "openai", lambda: service.count("GET /v1/fine_tuning/jobs/") > 5
    )
    asked = provider("openai", service.url)
    assert asked.status(fine_tune(asked)).state == "running"
    with service.lock:
        service.jobs[0]["life"] = ["running", "succeeded"]
    recorder = Recorder()
    done = trained(service, recorder)
    assert done.model == f"ft:{service.jobs[0]['id']}"
    assert len(service.jobs) == 1
    assert len(service.files) == 2
    assert not recorder.allowed
    assert done.earlier == done.dollars > 0


@pytest.mark.parametrize(
    ("request_", "order"),
    [
        *product(["POST /v1/files", JOBS, "GET /v1/fine_tuning", "/events"], ["cut", "429"]),
        ("POST /v1/files", "slow"),
        (JOBS, "slow"),
        (JOBS, "500"),
    ],
)
def test_nothing_is_begun_twice(service: Service, request_: str, order: str) -> None:
    service.orders, recorder = [(request_, order)], Recorder()
    trained(service, recorder, timeout=0.6 if order == "slow" else 5.0)
    assert len(service.jobs) == 1
    assert len(service.files) == 2
    assert len(recorder.allowed) == 1


@pytest.mark.parametrize(
    ("end", "words"),
    [("failed", "the file is bad"), ("cancelled", "cancelled"), ("vanished", "it has vanished")],
)
def test_what_comes_to_nothing_can_be_begun_again(service: Service, end: str, words: str) -> None:
    service.life = ["running", end]
    with pytest.raises(UnavailableError, match=f"came to nothing: {words}; the same command"):
        trained(service)
    service.life, recorder = ["succeeded"], Recorder()
    assert trained(service, recorder).model == f"ft:{service.jobs[-1]['id']}"
    assert service.count(JOBS) == 2
    assert service.count("POST /v1/files") == 2, "the files are there"
    assert len(recorder.allowed) == 1
    asked = provider("openai", service.url)
    assert asked.status(fine_tune(asked)).state == "succeeded"


def test_closed_fine_tuning_is_said_in_words(service: Service) -> None:
    service.orders = [(JOBS, "403")]
    with pytest.raises(UnavailableError, match=r"403: .*2027-01-06 on\), set provider=local"):
        trained(service)
    asked = provider("openai", service.url, base_url=service.url)
    assert asked.status(fine_tune(asked)).state == "none", "a server that does not fine-tune"
    with pytest.raises(UnavailableError, match=r"404: .*does not fine-tune"):
        asked.train(fine_tune(asked), Recorder().allow, print)


def test_the_cap_is_asked_before_anything_is_uploaded(service: Service) -> None:
    def refuse(dollars: float) -> None:
        raise BenchkitError(f"no {dollars:.6f}")

    asked = provider("openai", service.url)
    work = asked.training_work(pairs())
    assert (work.calls, work.tokens > 100, work.seconds > 0) == (1, True, True)
    with pytest.raises(BenchkitError, match=f"no {work.dollars:.6f}"):
        asked.train(fine_tune(asked), refuse, print)
    assert not service.files


def test_completions_arrive(service: Service) -> None:
    recorder, asked = Recorder(), provider("openai", service.url)
    found = sampled(asked, ["one two", "three"], recorder=recorder)
    assert found["three"].texts == answers("three", 3)
    assert (found["three"].prompt_tokens, found["three"].completion_tokens) == (3, 6)
    assert math.isclose(found["three"].dollars, (3 * 1 + 6 * 2) / 1e6)
    assert sorted(each.reserved for each in found.values()) == sorted(recorder.allowed)
    assert all(each.dollars < each.reserved for each in found.values())
    work = asked.sampling_work([prompt("one two"), prompt("three")], sampling())
    assert math.isclose(work.dollars, sum(recorder.allowed))
    assert work.calls == 2
    body = service.sent("POST /v1/chat")[0]
    assert (body["n"], body["temperature"], body["max_tokens"]) == (3, 0.5, 16)


def test_the_likeliest_answer_is_asked_for_once(service: Service) -> None:
    found = sampled(provider("openai", service.url), ["x"], sampling(temperature=0.0))
    assert found["x"].texts == answers("x", 1) * 3
    assert service.sent("POST /v1/chat")[0]["n"] == 1
    assert found["x"].completion_tokens == 2


def test_a_server_that_takes_fewer_samples_is_asked_more_often(service: Service) -> None:
    service.most = 4
    found = sampled(provider("openai", service.url, concurrency=1), ["x", "y"], sampling(20))
    assert found["x"].texts == answers("x", *[2] * 10)
    counts = [body["n"] for body in service.sent("POST /v1/chat")]
    assert counts == [20, 10, 5, *[2] * 20]
    assert found["x"].prompt_tokens == 10 * 3


def test_refused_and_filtered_prompts_have_empty_texts(service: Service) -> None:
    found = sampled(provider("openai", service.url), ["REFUSE", "FILTER", "x"])
    assert found["REFUSE"].texts == found["FILTER"].texts == ("", "", "")
    assert found["REFUSE"].dollars == 0
    assert all(found["x"].texts)


@pytest.mark.parametrize("order", ["429", "500", "cut", "slow", "no json"])
def test_what_passes_is_waited_out(service: Service, order: str) -> None:
    service.orders, recorder = [("/chat/", order)] * 2, Recorder()
    values = {"timeout": 0.6 if order == "slow" else 5.0}
    found = sampled(provider("openai", service.url, **values), ["x"], recorder=recorder)
    assert all(found["x"].texts)
    maybe_paid = order in ("cut", "slow", "no json")
    assert len(recorder.allowed) == (3 if maybe_paid else 1)
    assert found["x"].reserved == recorder.allowed[0]


def test_retry_after_is_honoured(service: Service) -> None:
    service.orders, service.after = [("/chat/", "429")], "0.5"
    sampled(provider("openai", service.url), ["x"])
    first, second = service.times[-2:]
    assert 0.5 <= second - first < 3.0


def test_what_has_arrived_is_yielded_before_a_failure(service: Service) -> None:
    asked, recorder = provider("openai", service.url, concurrency=1), Recorder()
    found = asked.sample(None, [prompt("a"), prompt("b")], sampling(), recorder.allow, print)
    assert next(found)[0] == 0
    service.orders = [("/chat/", "403")]
    with pytest.raises(UnavailableError, match="answered 403: "):
        list(found)


def test_the_cap_is_never_exceeded(service: Service) -> None:
    asked = provider("openai", service.url)
    spending = Account(cap=0.0003)
    prompts = [prompt(f"x {n}") for n in range(20)]
    found: list[int] = []
    reading = asked.sample(None, prompts, sampling(), spending.allow, print)
    with pytest.raises(BenchkitError, match=r"cap of \$0.0003 would be exceeded"):
        found.extend(index for index, _ in reading)
    assert 0 < len(found) == service.count("POST /v1/chat") < 20


def test_a_model_that_is_gone_is_named(service: Service) -> None:
    model = trained(service).model
    assert all(sampled(provider("openai", service.url), ["x"], model=model)["x"].texts)
    service.jobs.clear()
    with pytest.raises(UnavailableError, match=f"no longer has the fine-tuned model {model}"):
        sampled(provider("openai", service.url), ["x"], model=model)


@pytest.mark.parametrize("part", ["/chat/", "POST /v1/files", JOBS, "GET /v1/files", "/events"])
def test_keys_are_not_repeated(service: Service, part: str) -> None:
    service.orders, service.message = [(part, "401")], "wrong key {key}"
    ask = partial(sampled, provider("openai", service.url), ["x"])
    with pytest.raises(UnavailableError, match=r"wrong key \[secret\]") as caught:
        (ask if part == "/chat/" else partial(trained, service))()
    assert KEY not in str(caught.value)
    assert caught.value.__cause__ is None


def test_jobs_that_blame_a_key_do_not_repeat_it(service: Service) -> None:
    service.life, service.blame = ["failed"], f"the key {KEY}\n is bad"
    with pytest.raises(UnavailableError, match=r"nothing: the key \[secret\] is bad;"):
        trained(service)


def test_without_a_key_nothing_is_asked(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    asked = provider("openai", service.url)
    assert asked.identity()["model"] == asked.service.model
    for call in (lambda: trained(service), lambda: sampled(asked, ["x"])):
        with pytest.raises(UnavailableError, match="openai cannot be asked: it needs a key"):
            call()
    assert not service.log


def test_prices_are_known_or_asked_for() -> None:
    own: dict[str, Any] = {"base_url": None, "price": None}
    asked = provider("openai", "", **own)
    plain = asked.sampling_work([prompt("x")] * 99, sampling())
    batched = asked.sampling_work([prompt("x")] * 198, sampling())
    assert math.isclose(plain.dollars, batched.dollars), "a batch is half the price"
    assert batched.seconds == 86_400
    with pytest.raises(UnavailableError, match=r"'mine' is not known.*price=INPUT/OUTPUT/TRAIN"):
        provider("openai", "", **own, model="mine").sampling_work([prompt("x")], sampling())
    assert provider("openai", "", **own, model="mine").sampling_work([], sampling()).dollars == 0
    free = provider("openai", "http://localhost", model="mine", price="0/0/0")
    assert free.training_work(pairs()).dollars == 0
    tuned, base = asked.service.rates(True), asked.service.rates(False)
    assert tuned.output > base.output


@pytest.mark.parametrize("price", ["1", "1/2", "1/2/x", "1/2/-3", "1/2/inf", ""])
def test_prices_that_are_none_are_refused(price: str) -> None:
    with pytest.raises(ConfigError, match="price takes INPUT/OUTPUT/TRAINING"):
        PromptedConfig.create({"price": price}, "tests")


@pytest.mark.parametrize("name", ["base_url", "api_endpoint"])
def test_addresses_hold_no_secrets(name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name} must hold no key") as caught:
        PromptedConfig.create({name: "http://me:secret@host/v1"}, "tests")
    assert "secret@" not in str(caught.value)


def test_hostile_titles_reach_the_service(service: Service) -> None:
    nasty = '\ud800\x00\u2028"\\\n</s>' + "日" * 100_000
    found = sampled(provider("openai", service.url), [nasty])
    assert len(found[nasty].texts) == 3
    sent = service.sent("POST /v1/chat")[0]["messages"][1]["content"]
    assert sent == nasty.replace("\ud800", "?")


def test_identity_and_recipe_decide_the_key() -> None:
    plain = provider("openai", "http://localhost")
    other = provider("openai", "http://localhost", epochs=3)
    assert fine_tune(plain).key != fine_tune(other).key
    assert fine_tune(plain).key == fine_tune(provider("openai", "http://localhost", retries=9)).key
