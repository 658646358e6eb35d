"""Where things lie: the workspace and the folder of the leaderboards."""

from __future__ import annotations

import os
from pathlib import Path

HOME = "BENCHKIT_HOME"


def workspace() -> Path:
    """Return the folder that holds data and results: ``$BENCHKIT_HOME``, else the current one."""
    return Path(os.environ.get(HOME) or ".")


def leaderboards(out: Path | None = None) -> Path:
    """Return `out` where it is given, else ``leaderboards`` in the workspace."""
    return out if out is not None else workspace() / "leaderboards"
