"""The service as Vertex AI and Cloud Storage: objects, tuning jobs, generated content."""

from __future__ import annotations

from typing import Any

from tests.recommenders.prompted.server import Refused, Service


def answer(
    state: Service, method: str, path: str, query: dict[str, str], body: Any, kind: str
) -> Any:
    """Return what Google answers."""
    raise Refused(404, f"there is no {path}")
