"""Vertex AI's tuning jobs and completions through its real SDK, against a server on loopback."""

from __future__ import annotations

import json
import math
from functools import partial
from itertools import product
from typing import Any

import pytest

from benchkit.contracts.errors import UnavailableError
from benchkit_plugins.language_models import vertex
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
from tests.recommenders.prompted.killing import kill_in_the_middle
from tests.recommenders.prompted.server import Refused, Service

WHERE = "/v1/projects/some-project/locations/us-central1"
JOBS = f"POST {WHERE}/tuningJobs"
ASK = ":generateContent"

pytestmark = [
    pytest.mark.skipif(bool(vertex.not_installed()), reason="needs the extra vertex"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning"),
]


def trained(service: Service, recorder: Recorder | None = None, **values: Any) -> Any:
    """Fine-tune with the service."""
    asked, recorder = provider("vertex", service.url, **values), recorder or Recorder()
    return asked.train(fine_tune(asked), recorder.allow, recorder.report)


def test_a_fine_tuning_runs_to_its_end(service: Service) -> None:
    service.life, recorder = ["queued", *["running"] * 20, "succeeded"], Recorder()
    done = trained(service, recorder, epochs=2, learning_rate=0.5)
    assert done.model == f"{WHERE[4:]}/endpoints/0"
    assert (done.tokens, done.seconds) == (1000, 60.0)
    assert math.isclose(done.dollars, 1000 * 3 / 1e6)
    states = [line.rpartition(": ")[2] for line in recorder.lines]
    assert states == ["pending", "queued", "running", "succeeded"]
    (job,) = service.sent(JOBS)
    tuning = {"epochCount": "2", "learningRateMultiplier": 0.5}
    assert job["supervisedTuningSpec"]["hyperParameters"] == tuning
    lines = [json.loads(line) for line in service.files[0]["content"].splitlines()]
    assert len(lines) == 12
    assert lines[0]["contents"][1] == {"role": "model", "parts": [{"text": "truth 0"}]}
    uri = job["supervisedTuningSpec"]["validationDatasetUri"]
    assert uri == f"gs://some-bucket/{service.files[1]['name']}"


def test_a_job_is_found_again_on_any_page(service: Service) -> None:
    first = trained(service)
    asked, recorder = provider("vertex", service.url), Recorder()
    for seed in range(4):
        asked.train(fine_tune(asked, seed), recorder.allow, recorder.report)
    assert trained(service, recorder) == first
    assert len(recorder.allowed) == 4, "what is found costs nothing"
    assert asked.status(fine_tune(asked)).trained == first
    assert asked.status(fine_tune(asked, 99)).state == "none"


def test_a_killed_run_finds_its_job_again(service: Service) -> None:
    service.life = ["running"] * 10_000
    kill_in_the_middle(
        service, "train", "vertex", lambda: service.count(f"GET {WHERE}/tuningJobs/") > 5
    )
    with service.lock:
        service.jobs[0]["life"] = ["running", "succeeded"]
    recorder = Recorder()
    assert trained(service, recorder).model.endswith("/endpoints/0")
    assert (len(service.jobs), len(service.files), recorder.allowed) == (1, 2, [])


@pytest.mark.parametrize(
    ("request_", "order"),
    [
        *product(["POST /upload", "GET /storage", JOBS, f"GET {WHERE}/tuning"], ["cut", "429"]),
        (JOBS, "slow"),
        (JOBS, "500"),
    ],
)
def test_nothing_is_begun_twice(service: Service, request_: str, order: str) -> None:
    service.orders, recorder = [(request_, order)], Recorder()
    trained(service, recorder, timeout=0.6 if order == "slow" else 5.0)
    assert (len(service.jobs), len(service.files), len(recorder.allowed)) == (1, 2, 1)


@pytest.mark.parametrize(
    ("end", "words"),
    [
        ("failed", "the file is bad"),
        ("expired", "expired"),
        ("cancelled", "cancelled"),
        ("vanished", "it has vanished"),
    ],
)
def test_what_comes_to_nothing_can_be_begun_again(service: Service, end: str, words: str) -> None:
    service.life = ["running", end]
    with pytest.raises(UnavailableError, match=f"came to nothing: {words}; the same command"):
        trained(service)
    service.life = ["succeeded"]
    assert trained(service).model.endswith(f"/endpoints/{len(service.jobs) - 1}")
    assert service.count(JOBS) == 2
    assert service.count("POST /upload") == 2, "the files are there"


def test_a_bucket_is_asked_for(service: Service) -> None:
    with pytest.raises(UnavailableError, match=r"--set RECOMMENDER\.bucket=BUCKET"):
        trained(service, bucket=None)
    assert not service.jobs


def test_completions_arrive_eight_a_request(service: Service) -> None:
    recorder, asked = Recorder(), provider("vertex", service.url)
    found = sampled(asked, ["one two"], sampling(20), recorder=recorder)["one two"]
    assert found.texts == answers("one two", 8, 8, 4)
    bodies = service.sent(f"POST {WHERE}/publishers/google/models/gemini-3.1-flash-lite")
    assert [body["generationConfig"]["candidateCount"] for body in bodies] == [8, 8, 4]
    config = bodies[0]["generationConfig"]
    assert (config["temperature"], config["maxOutputTokens"]) == (0.5, 16)
    assert config["thinkingConfig"] in ({"thinkingLevel": 4}, {"thinkingLevel": "MINIMAL"})
    assert bodies[0]["systemInstruction"]["parts"] == [{"text": "You recommend."}]
    assert (found.prompt_tokens, found.completion_tokens) == (3 * 2, 20 * 3 + 3)
    assert math.isclose(found.dollars, (6 * 1 + 63 * 2) / 1e6)
    assert math.isclose(found.reserved, sum(recorder.allowed))
    work = asked.sampling_work([prompt("one two")], sampling(20))
    assert math.isclose(work.dollars, sum(recorder.allowed))


def test_a_model_of_one_candidate_is_asked_more_often(service: Service) -> None:
    service.most = 1
    found = sampled(provider("vertex", service.url), ["x"], sampling(5))["x"]
    assert found.texts == answers("x", 1, 1, 1, 1, 1)


def test_refused_and_filtered_prompts_have_empty_texts(service: Service) -> None:
    found = sampled(provider("vertex", service.url), ["REFUSE", "FILTER", "x"])
    assert found["REFUSE"].texts == found["FILTER"].texts == ("", "", "")
    assert all(found["x"].texts)


def test_a_prompt_that_is_not_taken_keeps_no_other_from_its_answer(service: Service) -> None:
    words = "the input token count is 32806 but model only supports up to 32768"
    service.errors = {"LONG": Refused(400, words), "BAD": Refused(400, "cannot read it")}
    asked, recorder, texts = provider("vertex", service.url), Recorder(), ["LONG", "BAD", "x"]
    prompts = [prompt(text) for text in texts]
    reading = asked.sample(None, prompts, sampling(), print, recorder.report)
    found: list[Any] = []
    with pytest.raises(
        UnavailableError, match=r"refused 1 of 3 .* 400: cannot read it; the others"
    ):
        found.extend(reading)
    said = {texts[index]: completions.texts for index, completions in found}
    assert said == {"LONG": ("", "", ""), "x": answers("x", 3)}
    assert asked.service.most == 8
    assert "1 of 3 prompts are too long" in recorder.lines[0]


@pytest.mark.parametrize("order", ["429", "500", "cut", "slow", "no json"])
def test_what_passes_is_waited_out(service: Service, order: str) -> None:
    service.orders, recorder = [(ASK, order)] * 2, Recorder()
    values = {"timeout": 0.6 if order == "slow" else 5.0}
    assert all(
        sampled(provider("vertex", service.url, **values), ["x"], recorder=recorder)["x"].texts
    )
    assert len(recorder.allowed) == (3 if order in ("cut", "slow", "no json") else 1)


def test_retry_after_is_honoured(service: Service) -> None:
    service.orders, service.after = [(ASK, "429")], "0.5"
    sampled(provider("vertex", service.url), ["x"])
    first, second = service.times
    assert 0.5 <= second - first < 3.0


def test_a_model_that_is_gone_is_named(service: Service) -> None:
    model = trained(service).model
    assert all(sampled(provider("vertex", service.url), ["x"], model=model)["x"].texts)
    service.jobs.clear()
    with pytest.raises(UnavailableError, match=f"no longer has the fine-tuned model {model}"):
        sampled(provider("vertex", service.url), ["x"], model=model)


@pytest.mark.parametrize("part", [ASK, "POST /upload", JOBS, f"GET {WHERE}/tuningJobs"])
def test_tokens_are_not_repeated(
    service: Service, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    from google.oauth2.credentials import Credentials

    monkeypatch.setattr(vertex, "credentials", lambda _endpoint: Credentials("ya29.secret"))
    service.orders, service.message = [(part, "403")], "wrong token {key}"
    ask = partial(sampled, provider("vertex", service.url), ["x"])
    with pytest.raises(UnavailableError, match=r"403: .*wrong token \[secret\]") as caught:
        (ask if part == ASK else partial(trained, service))()
    assert "ya29" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_without_a_project_nothing_is_asked(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GOOGLE_CLOUD_PROJECT")
    with pytest.raises(UnavailableError, match="vertex cannot be asked: say which project pays"):
        trained(service)
    assert provider("vertex", service.url, project="mine").why_unavailable() is None


def test_a_training_price_that_nobody_knows_is_asked_for() -> None:
    asked = provider("vertex", "http://localhost", price=None)
    assert asked.sampling_work([prompt("x")], sampling()).dollars > 0
    with pytest.raises(UnavailableError, match=r"training the model costs is not known; give it"):
        asked.training_work(pairs())


def test_hostile_titles_reach_the_service(service: Service) -> None:
    nasty = '\ud800\x00\u2028"\\\n</s>' + "日" * 100_000
    assert len(sampled(provider("vertex", service.url), [nasty])[nasty].texts) == 3
    sent = service.sent(f"POST {WHERE}/publishers")[0]["contents"][0]["parts"][0]["text"]
    assert sent == nasty.replace("\ud800", "?")
