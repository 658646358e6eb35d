"""Figures of the paper's Tables 2 to 7 about its datasets, one JSON file each.

Beside them stand the rows that only the authors' online material has, each with its `source`. In a
dataset plugin: ``published = published_in_paper("beauty")``.
"""

from __future__ import annotations

import json
from pathlib import Path

from benchkit.contracts.published import Published, PublishedAnswers, PublishedRow


def published_in_paper(dataset: str) -> Published:
    """Return the paper's figures of a dataset."""
    path = Path(__file__).with_name(f"{dataset}.json")
    content = json.loads(path.read_text(encoding="utf-8"))
    return Published(
        source=content["source"],
        statistics=content["statistics"],
        results={name: PublishedRow(**row) for name, row in content["results"].items()},
        trials=content["trials"],
        answers=[PublishedAnswers(**row) for row in content["answers"]],
    )
