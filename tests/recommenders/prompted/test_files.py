"""Training files: what services take, and what is refused before they do."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from benchkit.contracts.errors import DataError
from benchkit.contracts.prompted import Example, Message, Pairs
from benchkit_plugins.recommenders.llm_seq_prompt_gen_item import LLMSeqPromptGenItem
from benchkit_plugins.recommenders.prompted.providers.openai import jobs as openai
from benchkit_plugins.recommenders.prompted.providers.vertex import jobs as vertex
from tests.recommenders.prompted.asking import pairs, prompt, provider


def exports(of: Pairs) -> dict[str, str]:
    return dict(LLMSeqPromptGenItem().exports(of))


def with_first(example: Example) -> Pairs:
    made = pairs()
    return Pairs([*made.train[:1], example, *made.train[2:]], made.validation)


def test_files_are_what_services_take() -> None:
    files = exports(pairs(12, 3))
    assert {name: content.count("\n") for name, content in files.items()} == {
        "openai-train.jsonl": 12,
        "openai-validation.jsonl": 3,
        "vertex-train.jsonl": 12,
        "vertex-validation.jsonl": 3,
    }
    assert json.loads(files["openai-validation.jsonl"].splitlines()[0]) == {
        "messages": [
            {"role": "system", "content": "You recommend."},
            {"role": "user", "content": "titles 12"},
            {"role": "assistant", "content": "truth 12"},
        ]
    }
    assert json.loads(files["vertex-train.jsonl"].splitlines()[0]) == {
        "systemInstruction": {"role": "system", "parts": [{"text": "You recommend."}]},
        "contents": [
            {"role": "user", "parts": [{"text": "titles 0"}]},
            {"role": "model", "parts": [{"text": "truth 0"}]},
        ],
    }


def test_hostile_titles_arrive_as_they_are() -> None:
    nasty = '\x00\x1b[31m\x85\u2028\u2029\r\n"}]}\\ \U0001f339 <script>'
    files = exports(with_first(Example(prompt(nasty + "\ud800"), nasty + "\udfff")))
    for name, content in files.items():
        assert content.isascii()
        assert len(content.splitlines()) == content.count("\n"), name
    messages = json.loads(files["openai-train.jsonl"].splitlines()[1])["messages"]
    assert [each["content"] for each in messages[1:]] == [nasty + "?", nasty + "?"]
    turns = json.loads(files["vertex-train.jsonl"].splitlines()[1])["contents"]
    assert [each["parts"][0]["text"] for each in turns] == [nasty + "?", nasty + "?"]


def test_long_titles_survive_until_a_service_refuses_them() -> None:
    assert len(exports(with_first(Example(prompt("x" * 100_000), "y")))) == 4
    with pytest.raises(DataError, match=r"openai .* train pair 2: it has about 66,6.* 65,536"):
        exports(with_first(Example(prompt("x" * 200_000), "y")))


@pytest.mark.parametrize(
    ("example", "words"),
    [
        (Example(prompt("x"), " \n"), "its completion is empty"),
        (Example(prompt(" "), "y"), "a message of its prompt is empty"),
        (Example((), "y"), "not nothing"),
        (Example((Message("system", "s"),), "y"), "not system"),
        (Example((*prompt("x"), *prompt("x")), "y"), "not system, user, system, user"),
        (Example((Message("user", "x"), Message("assistant", "a")), "y"), "not user, assistant"),
        (Example((Message("assistant", "a"),), "y"), "not assistant"),
    ],
)
def test_pairs_that_would_be_refused_are_named(example: Example, words: str) -> None:
    with pytest.raises(DataError, match=rf"openai would refuse train pair 2: .*{words}"):
        exports(with_first(example))
    made = pairs()
    with pytest.raises(DataError, match=r"validation pair 1"):
        exports(Pairs(made.train, [example]))


def test_conversations_of_several_turns_are_taken() -> None:
    turns = (Message("user", "a"), Message("assistant", "b"), Message("user", "c"))
    files = exports(with_first(Example(turns, "d")))
    line = json.loads(files["vertex-train.jsonl"].splitlines()[1])
    assert [each["role"] for each in line["contents"]] == ["user", "model", "user", "model"]
    assert "systemInstruction" not in line


def test_counts_and_sizes_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="at least 10 pairs, not 9"):
        exports(pairs(9))
    assert provider("vertex", "http://localhost").exports(pairs(9, 0))["validation.jsonl"] == ""
    monkeypatch.setattr(vertex, "LIMITS", replace(vertex.LIMITS, validation=2))
    with pytest.raises(DataError, match="vertex takes at most 2 validation pairs, not 3"):
        exports(pairs())
    monkeypatch.setattr(openai, "LIMITS", replace(openai.LIMITS, size=1000))
    with pytest.raises(DataError, match="train files of at most 1,000 bytes, not"):
        exports(pairs())
