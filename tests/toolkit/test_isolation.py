"""What plugins do to the host, kept off."""

from __future__ import annotations

import random
import subprocess
import sys
from contextlib import suppress

import numpy as np
import pytest

from benchkit.toolkit.isolation import seed_globals, stdout_on_stderr


def test_who_draws_from_shared_generators_is_repeatable() -> None:
    def draw(seed: int) -> tuple[float, float]:
        seed_globals(seed)
        return random.random(), float(np.random.random())

    kept = random.getstate(), np.random.get_state()
    try:
        assert draw(0) == draw(0) != draw(1)
        assert draw(-1) == draw(-1)
    finally:
        random.setstate(kept[0])
        np.random.set_state(kept[1])


def test_standard_output_comes_back_after_an_error(capfd: pytest.CaptureFixture[str]) -> None:
    with suppress(ValueError), stdout_on_stderr():
        print("aside")
        raise ValueError
    print("ours")
    assert tuple(capfd.readouterr()) == ("ours\n", "aside\n")


def test_closed_streams_do_no_harm() -> None:
    code = (
        "from benchkit.toolkit.isolation import stdout_on_stderr\nwith stdout_on_stderr(): print(1)"
    )
    closed = ["sh", "-c", f'exec "{sys.executable}" -c "{code}" >&- 2>&-']
    assert subprocess.run(closed, check=False).returncode == 0
