"""Reducing a few vectors."""

from __future__ import annotations

from typing import Any

import numpy as np


def reduced(
    component: type[Any],
    vectors: Any,
    dim: int,
    classes: Any = None,
    seed: int = 0,
    **values: object,
) -> Any:
    """Return vectors as a reducer gives them that has learnt from them."""
    reducer = component(component.Config.create(values, component.name))
    if classes is None:
        classes = np.full(len(vectors), -1)
    reducer.fit(vectors, np.asarray(classes, dtype=np.int32), dim, seed)
    return reducer.transform(vectors)
