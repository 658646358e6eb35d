"""Lines about searches, and warnings in them."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest

from benchkit.evaluation.display import Display, Live
from benchkit.evaluation.processes import Event
from benchkit.tuning.ledger import Ledger
from benchkit.tuning.progress import SearchProgress, sparkline
from benchkit.tuning.worker import WarningHandler
from tests.tuning.searching import conduct, search_in


def test_a_sparkline_goes_from_the_lowest_to_the_highest() -> None:
    assert sparkline([]) == ""
    assert sparkline([0.5]) == "▁"
    assert sparkline([0, 7, 3]) == "▁█▄"
    assert len(sparkline(range(100))) == 16


def test_lines_say_how_it_began_and_ended(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    search = search_in(tmp_path, trials=3)
    ledger, _ = conduct(search)
    progress = SearchProgress(2, Display())
    progress.begin(search, Ledger(), 90.0)
    progress.update(ledger, Event("end", trial=2))
    progress.end(search, search.result(search.study(), ledger), kept=False)
    progress.end(search, search.result(search.study(), Ledger()), kept=True)
    first, second, third = capsys.readouterr().err.splitlines()
    assert first == "[search 1/2] sknn: searching 5 parameters for at most 90 s"
    assert second.startswith("[search 1/2] sknn: best 0.")
    assert "(3 done, " in second
    assert third.startswith("[search 2/2] sknn: no trial finished, so its preset is evaluated")
    assert third.endswith("(kept from an earlier run)")


def test_a_warning_is_said_once_a_search(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    search, warned = search_in(tmp_path), list[Event]()
    handler = WarningHandler(warned.append)
    log = logging.getLogger("a.component")
    log.addHandler(handler)
    log.propagate = False
    for dim in (512, 256, 128):
        log.warning("lda: 3 classes allow 2 dimensions, not %d", dim)
    handler.reset(quiet=True)
    log.warning("of a probe")
    handler.reset(quiet=False)
    log.warning("another\nin two lines")
    assert [news.text for news in warned] == [
        "lda: 3 classes allow 2 dimensions, not 512",
        "another",
    ]
    progress = SearchProgress(2, Display())
    for _ in range(2):  # searches
        progress.begin(search, Ledger(), 90.0)
        for _ in range(3):  # workers
            progress.update(Ledger(), warned[0])
    said = capsys.readouterr().err.splitlines()
    assert said[1::2] == [f"Warning: sknn: {warned[0].text}"] * 2


def test_a_live_line_says_how_a_search_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    search = search_in(tmp_path, trials=20)
    ledger, _ = conduct(search)
    with Live() as live:
        SearchProgress(18, live).begin(search, ledger, 3000.0)
    shown = re.sub(r"\x1b\[[?\d]*\w", "", capsys.readouterr().err)
    assert "[search 1/18] sknn: 20 trials, best 1." in shown
    assert "min left" in shown
    assert len(shown.strip()) <= 80
