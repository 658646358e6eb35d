"""AdamW and clipping."""

from __future__ import annotations

import pytest
import torch

from benchkit_plugins.recommenders.neural.optimizer import AdamW, clip


def test_it_takes_the_steps_of_torch() -> None:
    def weights(ours: bool) -> list[list[float]]:
        generator = torch.Generator().manual_seed(3)
        variables = [torch.nn.Parameter(torch.ones(size)) for size in (3, 2)]
        optimizer = (
            AdamW(variables, 0.1, 0.05)
            if ours
            else torch.optim.AdamW(variables, lr=0.1, weight_decay=0.05, eps=1e-7, fused=True)
        )
        for step in range(5):
            optimizer.zero_grad()
            for variable in variables[: 1 + step % 2]:  # the second has no gradient at times
                variable.grad = torch.randn(variable.shape, generator=generator)
            optimizer.step()
        return [variable.tolist() for variable in variables]

    assert weights(ours=True) == weights(ours=False)


def test_a_step_without_gradients_moves_nothing() -> None:
    variable = torch.nn.Parameter(torch.ones(3))
    AdamW([variable], 0.1, 0.05).step()
    assert variable.tolist() == [1, 1, 1]


def test_clipping_is_per_variable() -> None:
    variables = [torch.nn.Parameter(torch.zeros(2)) for _ in range(3)]
    for variable, grad in zip(variables, ([3.0, 4.0], [0.3, 0.4], None), strict=True):
        variable.grad = None if grad is None else torch.tensor(grad)
    clip(variables, 1.0)
    found = [v.grad.tolist() for v in variables if v.grad is not None]
    assert found == [pytest.approx([0.6, 0.8]), pytest.approx([0.3, 0.4])]
