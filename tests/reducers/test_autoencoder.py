"""The autoencoder: its layers, and that it learns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchkit.contracts.errors import ConfigError
from benchkit_plugins.reducers.autoencoder import Autoencoder, layer_widths
from tests.conforming import ReducerConformance
from tests.reducers.reducing import reduced

QUICK: dict[str, Any] = {"epochs": 10, "batch_size": 32, "learning_rate": 0.02}


class TestConformance(ReducerConformance):
    component = Autoencoder


@pytest.mark.parametrize(
    ("width", "dim", "expected"),
    [
        (1536, 512, [1536, 1024, 512]),
        (1536, 64, [1536, 1024, 512, 256, 128, 64]),
        (768, 192, [768, 384, 192]),
        (384, 256, [384, 256]),
        (512, 512, [512, 512]),
        (384, 512, [384, 512]),
    ],
)
def test_layers_halve_to_the_target(width: int, dim: int, expected: list[int]) -> None:
    assert layer_widths(width, dim) == expected


def vectors() -> Any:
    """Return vectors that vary most in three of twelve dimensions."""
    rng = np.random.default_rng(0)
    return (rng.normal(size=(256, 12)) * ([3] * 3 + [0.3] * 9)).astype(np.float32)


def left_over(codes: Any, given: Any) -> float:
    """Return the share of the variance that no linear map of the codes explains."""
    explained = codes @ np.linalg.lstsq(codes, given, rcond=None)[0]
    return float(((given - explained) ** 2).sum() / (given**2).sum())


def test_learns_what_the_vectors_are_made_of() -> None:
    given = vectors()
    before = left_over(reduced(Autoencoder, given, 3, epochs=1, learning_rate=1e-9), given)
    after = left_over(reduced(Autoencoder, given, 3, **QUICK), given)
    assert after < 0.05 < before


def test_l2_keeps_weights_small() -> None:
    free = reduced(Autoencoder, vectors(), 3, **QUICK)
    bound = reduced(Autoencoder, vectors(), 3, **QUICK, l2=1.0)
    assert np.abs(bound).mean() < 0.5 * np.abs(free).mean()


def test_seeds_decide() -> None:
    one = reduced(Autoencoder, vectors(), 3, seed=1)
    assert one == pytest.approx(reduced(Autoencoder, vectors(), 3, seed=1))
    assert one != pytest.approx(reduced(Autoencoder, vectors(), 3, seed=2))


def test_the_global_generator_is_left_alone() -> None:
    import torch

    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    reduced(Autoencoder, vectors(), 3)
    assert torch.rand(1) == expected


@pytest.mark.parametrize("values", [{"l2": -1.0}, {"epochs": 0}, {"batch_size": 0}])
def test_impossible_values_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        Autoencoder.Config.create(values, "autoencoder")
