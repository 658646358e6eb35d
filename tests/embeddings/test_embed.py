"""Embedding a catalog: the store first, refusals, spending, several processes, secrets."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchkit import Config, Embedder, Sessions, param
from benchkit.components.registry import Registered, registry
from benchkit.contracts.embedder import Batch
from benchkit.contracts.errors import BenchkitError, ConfigError, PluginError, UnavailableError
from benchkit.embeddings import embed
from benchkit.evaluation.bench import Workbench
from benchkit.toolkit.spending import Account, SharedBudget
from tests.embedders.asking import embedded, kept
from tests.embedders.server import Server, serving
from tests.making import catalog
from tests.workspace import Workspace

TEXTS = [f"title {number}" for number in range(10)]
KEY = "sk-test-93b1f0c2aa77"


class Made(Embedder):
    """Returns what a test tells it to."""

    name = "made"
    source = "ours"
    returns: Callable[[Sequence[str]], Any]
    asked: list[str]

    def embed(self, texts: Sequence[str]) -> Any:
        type(self).asked += texts
        return type(self).returns(texts)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> type[Made]:
    Made.asked, Made.batch_size = [], 4
    Made.returns = lambda texts: np.random.default_rng(1).random((len(texts), 3), np.float32)
    monkeypatch.setitem(registry().components["embedder"], "made", Registered(Made, "test", "1"))
    return Made


def test_an_item_without_text_gets_zeros_and_a_text_is_asked_once(
    made: type[Made], tmp_path: Path
) -> None:
    vectors = embedded(tmp_path, "made", ["a", "", "b", "a", ""])
    assert made.asked == ["a", "b"]
    assert vectors[[0, 2, 3]].any(axis=1).all()
    assert not vectors[[1, 4]].any()
    np.testing.assert_array_equal(vectors[0], vectors[3])


def test_only_what_is_missing_is_asked(made: type[Made], tmp_path: Path) -> None:
    embedded(tmp_path, "made", TEXTS[:6])
    assert embed.missing("made", {}, TEXTS, tmp_path)[0] == TEXTS[6:]
    made.asked.clear()
    embedded(tmp_path, "made", TEXTS)
    assert made.asked == TEXTS[6:]


def test_an_edited_embedder_embeds_anew_unless_it_was_paid(
    made: type[Made], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for paid, again in ((False, TEXTS), (True, [])):
        monkeypatch.setattr(made, "paid", paid)
        monkeypatch.setattr(Registered, "source_digest", lambda _: "as it was")
        embedded(tmp_path, "made", TEXTS)
        made.asked.clear()
        embedded(tmp_path, "made", TEXTS)
        assert made.asked == []
        monkeypatch.setattr(Registered, "source_digest", lambda _: "edited")
        embedded(tmp_path, "made", TEXTS)
        assert made.asked == again


@dataclass(frozen=True, kw_only=True)
class Sourced(Config):
    source: str = param("here", "where vectors come from")


def test_a_strangers_parameter_of_any_name_tells_its_vectors_apart(
    made: type[Made], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(made, "Config", Sourced)
    for values in ({}, {"source": "there"}):
        made.asked.clear()
        embedded(tmp_path, "made", TEXTS, values)
        assert made.asked == TEXTS


def test_no_text_at_all_is_one_sentence(made: type[Made], tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="no item of this dataset has a text"):
        embedded(tmp_path, "made", ["", ""])


@pytest.mark.parametrize(
    ("returns", "words"),
    [
        (lambda texts: np.zeros((len(texts) - 1, 3), np.float32), r"shape \[3, 3\] for 4 texts"),
        (lambda texts: np.full((len(texts), 3), np.nan, np.float32), "not finite"),
        (lambda texts: np.full((len(texts), 3), np.inf, np.float32), "not finite"),
        (lambda texts: np.ones((len(texts), 3), np.float32), "same vector for 4 different"),
        (lambda texts: np.ones((len(texts), 3)), "float64 instead of float32"),
        (lambda texts: np.ones((len(texts), 0), np.float32), "vectors of 0 dimensions"),
        (lambda texts: np.ones(len(texts), np.float32), r"shape \[4\]"),
        (lambda texts: [[1.0]] * len(texts), "a list instead of an array"),
        (lambda texts: np.eye(4, 3, dtype=np.float32), "a zero vector for the text 'title 3';"),
    ],
)
def test_nonsense_is_refused_and_not_kept(
    made: type[Made], tmp_path: Path, returns: Callable[[Sequence[str]], Any], words: str
) -> None:
    made.returns = returns
    with pytest.raises(PluginError, match=f"made returned .*{words}.*nothing of it is kept"):
        embedded(tmp_path, "made", TEXTS)
    assert kept(tmp_path, "made", TEXTS) == 0


def test_what_came_before_nonsense_is_kept(made: type[Made], tmp_path: Path) -> None:
    sizes = iter([3, 4])
    made.returns = lambda texts: np.random.default_rng(0).random(
        (len(texts), next(sizes)), np.float32
    )
    with pytest.raises(PluginError, match="vectors of 4 dimensions, not 3"):
        embedded(tmp_path, "made", TEXTS)
    assert kept(tmp_path, "made", TEXTS) == 4


@pytest.mark.parametrize("rows", [[0, 0], [0, 99], [-1, 0]])
def test_rows_that_were_not_asked_for_are_refused(
    made: type[Made], tmp_path: Path, rows: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def batches(*_: object) -> Iterator[Batch]:
        yield Batch(np.array(rows), np.eye(2, 3, dtype=np.float32))

    monkeypatch.setattr(made, "batches", batches)
    with pytest.raises(PluginError, match="not asked for, or twice"):
        embedded(tmp_path, "made", TEXTS)


def test_marks_of_cuts_are_one_a_text(
    made: type[Made], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = Batch(np.arange(3), np.eye(3, dtype=np.float32), cut=np.ones(2, dtype=bool))
    monkeypatch.setattr(made, "batches", lambda *_: iter([batch]))
    with pytest.raises(PluginError, match="3 vectors, and 2 marks of what it has cut"):
        embedded(tmp_path, "made", TEXTS)


def test_many_texts_beyond_an_embedders_window_are_warned_of_once(
    made: type[Made], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    def batches(_self: Made, texts: Sequence[str], _allow: object) -> Iterator[Batch]:
        cut = np.array([text in TEXTS[:2] for text in texts])
        yield Batch(np.arange(len(texts)), np.eye(len(texts), 10, dtype=np.float32), cut=cut)

    def warnings(texts: list[str]) -> list[str]:
        caplog.clear()
        items = replace(catalog(10), texts=texts)
        train = Sessions.from_lists([[0, 1]])
        bench = Workbench(items, train, np.ones(10, dtype=np.int64), workspace=tmp_path)
        for _ in range(2):
            bench.embeddings("made")
        return [record.getMessage() for record in caplog.records]

    monkeypatch.setattr(made, "batches", batches)
    said = "made: 2 of 10 texts are longer than it reads; their vectors are of the beginning"
    assert warnings(TEXTS) == [said]
    assert warnings(TEXTS) == [said], "the store knows"
    assert warnings([*TEXTS[1:], "eleventh"]) == [], "a tenth is not many"


def test_a_missing_text_is_noticed(
    made: type[Made], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        made, "batches", lambda *_: iter([Batch(np.array([0]), np.ones((1, 3), np.float32))])
    )
    with pytest.raises(PluginError, match="returned 1 vectors for 10 texts"):
        embedded(tmp_path, "made", TEXTS)


def test_an_embedder_may_not_ask_itself(tmp_path: Path) -> None:
    settings = {"shuffled": {"of": "shuffled"}}
    with pytest.raises(ConfigError, match="shuffled asks shuffled: a cycle"):
        embed.missing("shuffled", settings, TEXTS, tmp_path)
    items = replace(catalog(10), texts=TEXTS)
    with pytest.raises(ConfigError, match="a cycle"):
        embed.embed_catalog(items, "shuffled", settings, tmp_path, Account())


def test_spendings_with_one_purse_share_the_cap() -> None:
    with SharedBudget.empty() as shared_budget:
        first, second = (Account(cap=1.0, shared_budget=shared_budget) for _ in range(2))
        first.allow(0.8)
        with pytest.raises(BenchkitError, match=r"\$0.8000 spent or asked for"):
            second.allow(0.4)
        first.note(Batch(np.array([0]), np.ones((1, 1), np.float32), 7, 0.3, reserved=0.8))
        second.allow(0.4)
        assert (first.committed, second.committed) == (0.3, 0.4)
        with pytest.raises(BenchkitError, match=r"\$0.7000 spent or asked for"):
            first.allow(0.4)
        second.allow(0.0)


def test_spending_replaces_promises_by_what_it_cost() -> None:
    spending = Account(cap=1.0)
    spending.allow(0.8)
    with pytest.raises(BenchkitError, match=r"cap of \$1 would be exceeded: \$0.8000 spent"):
        spending.allow(0.4)
    spending.note(Batch(np.array([0]), np.ones((1, 1), np.float32), 7, 0.3, reserved=0.8))
    spending.allow(0.4)
    assert (spending.tokens, spending.dollars) == (7, 0.3)
    with pytest.raises(BenchkitError):
        spending.allow(0.4)
    spending.allow(0.0)


def command(server: Server, *more: str) -> tuple[str, ...]:
    """Return `benchkit embed` on the generated sample, one request at a time."""
    settings = {"base_url": f"{server.url}/v1", "concurrency": 1, "retries": 0}
    values = [
        word for key, value in settings.items() for word in ("--set", f"openai.{key}={value}")
    ]
    return ("embed", "steam", "-e", "openai", *values, *more)


def finish(process: subprocess.Popen[str], code: int = 0) -> str:
    out, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    assert "Traceback" not in err
    assert KEY not in out + err
    return out + err


@pytest.fixture
def workspace(steam_home: Path) -> Workspace:
    return Workspace(steam_home, {**os.environ, "OPENAI_API_KEY": KEY})


def test_killed_it_goes_on_and_two_at_once_ask_nothing_twice(workspace: Workspace) -> None:
    with serving() as server:
        told, _ = workspace.here(*command(server, "--dry-run"))
        assert "to ask for: 1,107 texts, about " in told
        assert "tokens, about $0.0" in told
        assert not server.asked
        server.orders = ["", "slow"]
        process = workspace.start(*command(server))
        while len(server.asked) < 2:
            time.sleep(0.01)
            assert process.poll() is None
        process.send_signal(signal.SIGKILL)
        finish(process, -signal.SIGKILL)
        server.asked.clear()
        server.delay = 0.3
        both = [workspace.start(*command(server)) for _ in range(2)]
        assert any("done in" in finish(process) for process in both)
        asked = server.texts()
        assert len(asked) == len(set(asked)) == 1107 - 512, "the first request was kept"
        told, _ = workspace.here(*command(server))
        assert "to ask for: nothing" in told
        assert re.search(r"1,107 of them in the store, paid [\d,]{5,} tokens, \$0\.0\d+\n", told)
    assert KEY.encode() not in everything_in(workspace.folder)


def everything_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_no_key_is_shown_even_where_the_server_shows_it(workspace: Workspace) -> None:
    with serving() as server:
        server.orders = ["401", "500"]
        server.body = {"error": {"message": "wrong key: {key}", "param": "{key}", "code": "{key}"}}
        words = finish(workspace.start(*command(server)), 2)
        assert "openai answered 401" in words
        assert "wrong key: [secret]" in words
        _, err = workspace.here(*command(server), code=2)
        assert "openai answered 500" in err
        assert KEY not in err
        _, err = workspace.here(*command(server, "--max-cost", "0.0001"), code=2)
        assert "the cap of $0.0001 would be exceeded" in err
    assert KEY.encode() not in everything_in(workspace.folder)
