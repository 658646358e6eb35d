"""One seed, one result: every component that computes does so alike in another process."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

from benchkit.contracts.config import Value
from benchkit.testing.checks import require_close
from benchkit.testing.embedder import embeddings
from benchkit.testing.processes import Experiment, Results, elsewhere
from benchkit.testing.recommender import ranking
from benchkit.testing.reducer import reduction
from benchkit_plugins.recommenders.random import Random
from tests.embedders import test_local, test_simple
from tests.recommenders import (
    test_embedding_ensemble,
    test_llm_seq_sim,
    test_llm_seq_sim_popularity,
    test_most_popular,
    test_random,
    test_s_sknn,
    test_sf_sknn,
    test_sknn,
    test_sknn_emb,
    test_v_sknn,
)
from tests.recommenders.neural import test_conformance, test_llm_seq_sim_sequential
from tests.reducers import test_autoencoder, test_lda, test_none, test_pca, test_random_projection

NEIGHBOURS = (test_s_sknn, test_sf_sknn, test_sknn, test_sknn_emb, test_v_sknn)
SIMILARITY = (test_embedding_ensemble, test_llm_seq_sim, test_llm_seq_sim_popularity)
OTHERS = (test_llm_seq_sim_sequential, test_most_popular, test_random)
REDUCERS = (test_autoencoder, test_lda, test_none, test_pca, test_random_projection)
NETWORKS = (
    test_conformance.TestBERT4Rec,
    test_conformance.TestGRU4Rec,
    test_conformance.TestLLM2SASRec,
    test_conformance.TestS3Rec,
    test_conformance.TestSASRec,
)
KINDS: list[tuple[Experiment, list[type[Any]]]] = [
    (ranking, list(NETWORKS)),
    (ranking, [module.TestConformance for module in (*NEIGHBOURS, *SIMILARITY, *OTHERS)]),
    (ranking, [test_llm_seq_sim_popularity.TestDiverseConformance]),
    (embeddings, [test_simple.TestRandom, test_simple.TestLSA, test_local.TestMiniLM]),
    (reduction, [module.TestConformance for module in REDUCERS]),
]


def everything(component: type[Any], config: Mapping[str, Value]) -> Results:
    """Return what all components compute (an experiment); where modules are known, those too."""
    del component, config
    results: Results = {}
    for experiment, kinds in KINDS:
        for kind in kinds:
            if kind.component.unavailable() is None:
                made = experiment(kind.component, kind.config)
                name = f"{kind.__module__} {kind.__qualname__}"
                results |= {f"{name} {key}": values for key, values in made.items()}
        # after the networks: reducers need torch's own optimizers
        results.setdefault("modules", np.array(sorted(sys.modules)))
    return results


def test_another_process_gives_the_same() -> None:
    here, there = everything(Random, {}), elsewhere(everything, Random, {})
    modules = here.pop("modules"), set(there.pop("modules").tolist())
    assert here.keys() == there.keys()
    for name, values in here.items():
        if values.dtype.kind == "f":
            require_close(name, values, there[name])
        else:
            np.testing.assert_array_equal(values, there[name], err_msg=name)
    # Training does without torch's compiler, whose import takes two seconds.
    assert "torch" in modules[1]
    assert "torch._dynamo" not in modules[1]
