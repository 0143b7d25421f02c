"""Denoising diffusion of action chunks, deterministic (DDIM, Song et al. 2021, eq. 12, eta = 0).

Noise levels follow the squared cosine schedule with betas capped at 0.999 (Nichol and Dhariwal
2021, eq. 17); the network predicts the noise; predicted clean chunks are clipped to [-1, 1]; the
last step goes to no noise at all. These are the settings OpenVLA-OFT was trained with.
"""

import math
from itertools import pairwise

import torch
from torch import Tensor

from vega_policy.model.config import DiffusionConfig

_OFFSET = 0.008
_LARGEST_BETA = 0.999
_LONGEST_PERIOD = 1e4


class DdimSchedule:
    """Noise levels and the step from one to the next.

    Args:
        config: Number of steps in training and at inference.
    """

    def __init__(self, config: DiffusionConfig) -> None:
        self.train_steps = config.train_steps
        self.stride = config.train_steps // config.inference_steps
        self.timesteps = [step * self.stride for step in reversed(range(config.inference_steps))]
        """Noise levels visited at inference, noisiest first."""
        shares = [_signal_share(step / self.train_steps) for step in range(self.train_steps + 1)]
        betas = [min(1 - after / before, _LARGEST_BETA) for before, after in pairwise(shares)]
        # The public schedule is computed in float32; at the noisiest level that shows.
        signal = (1 - torch.tensor(betas, dtype=torch.float32, device="cpu")).cumprod(0)
        self._signal: list[float] = signal.tolist()

    def add_noise(self, actions: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """Noisy chunk of each sample.

        Args:
            actions: Normalised [B, K, D].
            noise: Standard normal [B, K, D].
            timesteps: Noise level of each sample, int64 [B], below ``train_steps``.
        """
        signal = torch.tensor(self._signal, device=actions.device)[timesteps][:, None, None]
        return signal.sqrt() * actions + (1 - signal).sqrt() * noise

    def step(self, noisy: Tensor, noise: Tensor, timestep: int) -> Tensor:
        """The chunk one visited noise level further down.

        Args:
            noisy: [B, K, D] at ``timestep``.
            noise: What the network takes for its noise, [B, K, D].
            timestep: One of :attr:`timesteps`.
        """
        signal = self._signal[timestep]
        clean = (noisy - math.sqrt(1 - signal) * noise) / math.sqrt(signal)
        clean = clean.clamp(-1.0, 1.0)
        below = timestep - self.stride
        target = self._signal[below] if below >= 0 else 1.0
        return math.sqrt(target) * clean + math.sqrt(1 - target) * noise


def _signal_share(time: float) -> float:
    return math.cos((time + _OFFSET) / (1 + _OFFSET) * math.pi / 2) ** 2


def timestep_embedding(timesteps: Tensor, dim: int) -> Tensor:
    """Sines, then cosines, of periods from 2 pi to 2e4 pi: [B] -> [B, dim] float32."""
    half = dim // 2
    rate = -math.log(_LONGEST_PERIOD) / (half - 1)
    frequency = torch.exp(rate * torch.arange(half, device=timesteps.device))
    angle = timesteps.float()[:, None] * frequency
    return torch.cat([angle.sin(), angle.cos()], dim=-1)
