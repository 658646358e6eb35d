import pytest

from benchkit.toolkit import progress as pace


def test_what_a_killed_process_did_counts_and_is_told_apart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pace, "_EVERY", 0.0)
    told: list[str] = []
    for before in (0, 107):
        tell = pace.ProgressReporter(told.append, "steps taken", before)
        tell(181, 268)
        tell(268, 268)  # the end: whoever works says so
    assert [line.rpartition(" in ")[0] for line in told] == [
        "181 of 268 steps taken",
        "181 of 268 steps taken, 74 of them",
    ]
