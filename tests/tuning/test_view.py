"""What a search looks like from outside."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from benchkit.tuning.frozen import freeze
from benchkit.tuning.ledger import Ledger
from benchkit.tuning.messages import News
from benchkit.tuning.view import Lines, Live, sparkline
from benchkit.tuning.worker import Warnings
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
    with Lines(2) as lines:
        lines.begin(search, Ledger(), 90.0)
        lines.tell(ledger, News("end", 2))
        lines.end(search, freeze(search, search.study(), ledger), kept=False)
        lines.end(search, freeze(search, search.study(), Ledger()), kept=True)
    first, second, third = capsys.readouterr().err.splitlines()
    assert first == "[search 1/2] sknn: searching 5 parameters for at most 90 s"
    assert second.startswith("[search 1/2] sknn: best 0.")
    assert "(3 done, " in second
    assert third.startswith("[search 2/2] sknn: no trial finished, so its preset is evaluated")
    assert third.endswith("(kept from an earlier run)")


def test_a_warning_is_said_once_a_search(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    search, warned = search_in(tmp_path), list[News]()
    handler = Warnings(warned.append)
    log = logging.getLogger("a.component")
    log.addHandler(handler)
    log.propagate = False
    for dim in (512, 256, 128):
        log.warning("lda: 3 classes allow 2 dimensions, not %d", dim)
    handler.begin(quiet=True)
    log.warning("of a probe")
    handler.begin(quiet=False)
    log.warning("another\nin two lines")
    assert [news.text for news in warned] == [
        "lda: 3 classes allow 2 dimensions, not 512",
        "another",
    ]
    lines = Lines(2)
    for _ in range(2):  # searches
        lines.begin(search, Ledger(), 90.0)
        for _ in range(3):  # workers
            lines.tell(Ledger(), warned[0])
    said = capsys.readouterr().err.splitlines()
    assert said[1::2] == [f"Warning: sknn: {warned[0].text}"] * 2


def test_a_live_line_fits_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    search = search_in(tmp_path, trials=20)
    ledger, _ = conduct(search)
    with Live(18) as live:
        live.begin(search, ledger, 3000.0)
        shown = live.progress.tasks[0].description
        assert shown.startswith("[1/18] sknn: 20 trials, best 1.")
        assert "min left" in shown
        assert len(shown) <= 77
    capsys.readouterr()
