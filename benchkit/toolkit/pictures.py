"""Pictures in files: SVG and PNG, without a browser or network (extra ``report``)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchkit.contracts.errors import UnavailableError, extra_missing
from benchkit.toolkit.files import write_atomically

FORMATS = ("svg", "png")


def altair() -> Any:
    """Return the module that charts are made with.

    Raises:
        UnavailableError: the extra ``report`` is not installed.
    """
    try:
        import altair as module
        import vl_convert  # noqa: F401 - without it nothing can be drawn
    except ImportError as error:
        raise UnavailableError(extra_missing("report")) from error
    return module


def save(charts: Mapping[str, Any], folder: Path) -> list[Path]:
    """Write charts into `folder`, by name, in each format, and return the files.

    Raises:
        StorageError: the folder cannot be written.
    """
    written = []
    for name, chart in charts.items():
        for suffix in FORMATS:
            path = folder / f"{name}.{suffix}"
            write_atomically(path, _render(chart, suffix))
            written.append(path)
    return written


def _render(chart: Any, suffix: str) -> bytes:
    import vl_convert

    document = chart.to_json()
    if suffix == "svg":
        return bytes(vl_convert.vegalite_to_svg(document), "utf-8")
    return bytes(vl_convert.vegalite_to_png(document, scale=2))
