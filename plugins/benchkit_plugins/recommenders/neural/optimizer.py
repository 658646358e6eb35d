"""AdamW, and what is done to gradients before its step."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.optim.adamw import adamw

_BETAS = 0.9, 0.999
_EPS = 1e-7


class AdamW:
    """Adam with decoupled weight decay (Loshchilov and Hutter, ICLR 2019), bit for bit torch's.

    `torch.optim.AdamW` calls the same function, but imports torch's compiler, which takes two
    seconds in every process that trains.

    Attributes:
        state: by variable the steps taken and the moving averages of its gradient and its square.
    """

    def __init__(
        self, variables: list[torch.nn.Parameter], learning_rate: float, weight_decay: float
    ) -> None:
        self.variables = variables
        self.learning_rate, self.weight_decay = learning_rate, weight_decay
        self.state: dict[Tensor, dict[str, Tensor]] = {}

    def zero_grad(self) -> None:
        for variable in self.variables:
            variable.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Move the variables that have a gradient."""
        moved = [variable for variable in self.variables if variable.grad is not None]
        if not moved:
            return
        # One pass over all variables; it does not exist for every device.
        fused = moved[0].device.type in ("cpu", "cuda")
        states = [self._state_of(variable) for variable in moved]
        adamw(
            list[Tensor](moved),
            [variable.grad for variable in moved if variable.grad is not None],
            [state["exp_avg"] for state in states],
            [state["exp_avg_sq"] for state in states],
            [],
            [state["step"] for state in states],
            fused=fused,
            amsgrad=False,
            beta1=_BETAS[0],
            beta2=_BETAS[1],
            lr=self.learning_rate,
            weight_decay=self.weight_decay,
            eps=_EPS,
            maximize=False,
        )

    def _state_of(self, variable: torch.nn.Parameter) -> dict[str, Tensor]:
        if variable not in self.state:
            self.state[variable] = {
                "step": torch.zeros((), device=variable.device),
                "exp_avg": torch.zeros_like(variable),
                "exp_avg_sq": torch.zeros_like(variable),
            }
        return self.state[variable]


def clip(variables: list[torch.nn.Parameter], limit: float | None) -> None:
    """Scale each variable's gradient down to the norm `limit`; None leaves all as they are."""
    grads = [p.grad for p in variables if p.grad is not None]
    if limit is None or not grads:
        return
    norms = torch._foreach_norm(grads)
    scales = [(limit / norm.clamp(min=1e-12)).clamp(max=1.0) for norm in norms]
    torch._foreach_mul_(grads, scales)
