"""Conformance of reducers.

class TestMyReducer(ReducerConformance):
    component = MyReducer
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from benchkit.contracts.config import Value
from benchkit.testing import samples
from benchkit.testing.checks import guarded, require, require_array, require_close
from benchkit.testing.component import ComponentConformance, build
from benchkit.testing.processes import Results, elsewhere

ROWS, DIM, SEED = 60, 4, 7


class ReducerConformance(ComponentConformance):
    """Subclass it, name your class `component`, and pytest checks the contract."""

    def test_gives_the_wanted_dimensions(self) -> None:
        """Rows that were learnt from come back as finite ``float32[items, dim]``."""
        reduced = fitted(self.build()).transform(samples.vectors(ROWS))
        require_array("reduced vectors", reduced, np.float32, (ROWS, DIM))
        require(np.isfinite(reduced).all(), "reduced vectors must be finite")

    def test_reduces_unseen_rows(self) -> None:
        """Items that were not learnt from are reduced, too; also one, and none."""
        reducer = fitted(self.build())
        for rows in (7, 1, 0):
            reduced = reducer.transform(samples.vectors(rows, seed=99))
            require_array(f"{rows} unseen rows", reduced, np.float32, (rows, DIM))

    def test_a_row_does_not_depend_on_its_neighbours(self) -> None:
        """A row alone is reduced as among others."""
        reducer, vectors = fitted(self.build()), samples.vectors(9, seed=99)
        alone = np.concatenate([reducer.transform(vectors[row : row + 1]) for row in range(9)])
        require_close("rows alone and together", reducer.transform(vectors), alone)

    def test_refit_equals_a_fresh_fit(self) -> None:
        """Fitting forgets what was learnt before."""
        reducer = self.build()
        reducer.fit(samples.vectors(40, seed=99), _classes(40), DIM, seed=3)
        again = fitted(reducer).transform(samples.vectors(ROWS))
        fresh = fitted(self.build()).transform(samples.vectors(ROWS))
        require_close("fitted again and fresh", fresh, again)

    def test_another_process_gives_the_same(self) -> None:
        """One seed, one result, in every process."""
        self.build()
        there = elsewhere(reduction, self.component, self.config)
        here = reduction(self.component, self.config)
        require_close(
            "another process (derive randomness from the seed; fix the solver and signs)",
            here["vectors"],
            there["vectors"],
        )

    def test_input_is_left_unmodified(self) -> None:
        """Vectors and classes are shared with others."""
        reducer, vectors, classes = self.build(), samples.vectors(ROWS), _classes(ROWS)
        with guarded("fit", vectors, classes):
            reducer.fit(vectors, classes, DIM, SEED)
        with guarded("transform", vectors):
            reducer.transform(vectors)


def fitted(reducer: Any) -> Any:
    """Return the reducer after learning from sample vectors."""
    reducer.fit(samples.vectors(ROWS), _classes(ROWS), DIM, SEED)
    return reducer


def reduction(component: type[Any], config: Mapping[str, Value]) -> Results:
    """Return the reduced sample vectors (an experiment)."""
    return {"vectors": fitted(build(component, config)).transform(samples.vectors(ROWS))}


def _classes(rows: int) -> Any:
    """Return 12 classes; the last rows have none."""
    classes = (np.arange(rows) % 12).astype(np.int32)
    classes[-3:] = -1
    return classes
