"""Results as the paper's Tables 4, 5 and 6 and its authors' online material print them.

One file a dataset; each recommender says where its figures are from. Only figures that a source
is known for are listed: a missing one is unknown, not zero. In a dataset plugin:

    published_results, published_source = paper_results("beauty")
"""

from __future__ import annotations

import json
from pathlib import Path

Results = dict[str, dict[str, float]]


def paper_results(dataset: str) -> tuple[Results, str]:
    """Return a dataset's published results by recommender and metric, and where they are from."""
    path = Path(__file__).with_name(f"{dataset}.json")
    content = json.loads(path.read_text(encoding="utf-8"))
    results = {name: dict(row["figures"]) for name, row in content["rows"].items()}
    return results, str(content["source"])
