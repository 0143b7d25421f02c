"""AdamW on float32 copies of the weights, its schedule, and averaged weights."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from vega_policy.recipe import OptimizerRecipe
from vega_policy.training.ranks import Ranks

WARMUP_START = 0.1


def learning_rate(recipe: OptimizerRecipe, step: int, steps: int) -> float:
    """Learning rate of a step.

    Warm-up multiplies whatever the schedule says, so a drop holds whether or not there was one.

    Args:
        recipe: Peak and schedule.
        step: Counted from 0.
        steps: Length of the run.
    """
    factor = 1.0
    if recipe.schedule == "drop":
        factor = 0.1 if step >= recipe.decay_at else 1.0
    elif recipe.schedule == "cosine":
        factor = 0.5 * (1 + math.cos(math.pi * step / steps))
    else:
        cooling = max(1, round(recipe.decay_share * steps))
        factor = min(1.0, (steps - step) / cooling)
    if step < recipe.warmup_steps:
        factor *= WARMUP_START + (1 - WARMUP_START) * step / recipe.warmup_steps
    return recipe.learning_rate * factor


def _is_finite(value: Tensor) -> bool:
    """Whether it is a number; where there are no values, nothing is refused."""
    return value.is_meta or bool(torch.isfinite(value))


class MasterAdamW:
    """AdamW whose weights and moments are float32 whatever the model computes in.

    Args:
        parameters: What is trained.
        recipe: Rate, decay, clipping, averaging.
        ranks: Processes whose gradients are averaged: those of every trained weight.
    """

    def __init__(
        self, parameters: Sequence[nn.Parameter], recipe: OptimizerRecipe, ranks: Ranks
    ) -> None:
        self._parameters = list(parameters)
        self._recipe = recipe
        self._ranks = ranks
        self.masters = [parameter.detach().float().clone() for parameter in self._parameters]
        self.averages = [m.clone() for m in self.masters] if recipe.ema else None
        self._adam = torch.optim.AdamW(
            self.masters,
            lr=recipe.learning_rate,
            betas=recipe.betas,
            weight_decay=recipe.weight_decay,
            fused=all(not master.is_meta for master in self.masters),
        )

    def accumulate(self) -> None:
        """Adds the model's gradients to those of the step, in float32, and clears them."""
        for master, parameter in zip(self.masters, self._parameters):
            if parameter.grad is None:
                continue
            grad = parameter.grad.float()
            master.grad = grad if master.grad is None else master.grad.add_(grad)
            parameter.grad = None

    def step(self, step: int, steps: int) -> bool:
        """Averages gradients over the processes and updates the weights.

        Args:
            step: Counted from 0; decides the learning rate.
            steps: Length of the run.

        Returns:
            Whether there was an update: gradients that are not finite change nothing, in any
            process.
        """
        for master in self.masters:
            if master.grad is None:
                master.grad = torch.zeros_like(master)
        self._ranks.average([master.grad for master in self.masters if master.grad is not None])
        gradients = [master.grad for master in self.masters if master.grad is not None]
        norm = nn.utils.get_total_norm(gradients)
        if not _is_finite(norm):
            for master in self.masters:
                master.grad = None
            return False
        if self._recipe.clip_norm is not None:
            nn.utils.clip_grads_with_norm_(self.masters, self._recipe.clip_norm, norm)
        for group in self._adam.param_groups:
            group["lr"] = learning_rate(self._recipe, step, steps)
        self._adam.step()
        self._publish(self.masters)
        for master in self.masters:
            master.grad = None
        if self.averages is not None and self._recipe.ema is not None:
            # Early averages forget the initial weights faster than the decay alone would.
            decay = min(self._recipe.ema, (step + 1) / (step + 10))
            torch._foreach_lerp_(self.averages, self.masters, 1 - decay)
        return True

    def finite(self) -> bool:
        """Whether all weights are numbers."""
        weights = [*self.masters, *(self.averages or ())]
        return all(bool(torch.isfinite(weight).all()) for weight in weights)

    def state_bytes(self) -> int:
        """Size of :meth:`state`: weights, averages, two moments."""
        copies = 3 + (self.averages is not None)
        return copies * sum(master.nbytes for master in self.masters)

    @torch.no_grad()
    def _publish(self, weights: list[Tensor]) -> None:
        for parameter, weight in zip(self._parameters, weights):
            parameter.copy_(weight)

    def use_averages(self) -> None:
        """Puts the averaged weights into the model, where there are any."""
        self._publish(self.averages or self.masters)

    def use_masters(self) -> None:
        """Puts the weights under training back into the model."""
        self._publish(self.masters)

    def state(self) -> dict[str, Any]:
        """Everything needed to go on exactly."""
        return {"masters": self.masters, "averages": self.averages, "adam": self._adam.state_dict()}

    @torch.no_grad()
    def restore(self, state: dict[str, Any]) -> None:
        """Goes on from :meth:`state`."""
        for mine, saved in zip(self.masters, state["masters"]):
            mine.copy_(saved)
        if self.averages is not None and state["averages"] is not None:
            for mine, saved in zip(self.averages, state["averages"]):
                mine.copy_(saved)
        self._adam.load_state_dict(state["adam"])
        self._publish(self.masters)
