"""NDCG, hit rate and MRR against trec_eval, which shares no code with us."""

from __future__ import annotations

import numpy as np
import pytest

from benchkit import Metric
from benchkit.contracts.arrays import Int32
from benchkit.evaluation.measure import measure
from benchkit_plugins.metrics.hr import HitRate
from benchkit_plugins.metrics.mrr import MRR
from benchkit_plugins.metrics.ndcg import NDCG
from tests.metrics.test_paper_metrics import catalog

pytrec_eval = pytest.importorskip("pytrec_eval", reason="needs pytrec-eval-terrier (extra `test`)")

PROMPTS, DEPTH, ITEMS = 500, 20, 60
METRICS: dict[str, Metric] = {"ndcg": NDCG(), "hr": HitRate(), "mrr": MRR()}


def theirs(items: Int32, truth: Int32, k: int) -> dict[str, list[float]]:
    """Return the values of each prompt as trec_eval finds them in lists cut at `k`."""
    wanted = {str(row): {str(code): 1} for row, code in enumerate(truth)}
    lists = {
        str(row): {str(code): float(-rank) for rank, code in enumerate(codes[:k]) if code >= 0}
        for row, codes in enumerate(items)
    }
    names = {"ndcg": f"ndcg_cut_{k}", "hr": f"success_{k}", "mrr": "recip_rank"}
    measures = {f"ndcg_cut.{k}", f"success.{k}", "recip_rank"}
    found = pytrec_eval.RelevanceEvaluator(wanted, measures).evaluate(lists)
    return {
        ours: [found.get(str(row), {}).get(name, 0.0) for row in range(len(truth))]
        for ours, name in names.items()
    }


@pytest.mark.parametrize("k", [1, 5, 10, 20])
def test_values_equal_those_of_trec_eval(k: int) -> None:
    rng = np.random.default_rng(k)
    items = np.argsort(rng.random((PROMPTS, ITEMS)), axis=1)[:, :DEPTH].astype(np.int32)
    ends = rng.integers(0, DEPTH * 2, PROMPTS)  # half of the lists are short, some are empty
    items[np.arange(DEPTH) >= ends[:, None]] = -1
    truth = rng.integers(0, ITEMS, PROMPTS).astype(np.int32)
    counts = np.ones(ITEMS, dtype=np.int64)
    measured = measure(items, truth, counts, catalog(ITEMS), [k], METRICS)
    for name, values in theirs(items, truth, k).items():
        assert measured.values[f"{name}@{k}"] == pytest.approx(np.array(values))
