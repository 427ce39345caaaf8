"""An autoencoder with one hidden layer, over features of a task: what EBLL and Expert Gate know of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"sigmoid": torch.sigmoid, "relu": torch.relu}


@dataclass(frozen=True, eq=False)
class Autoencoder:
    """``x → decode(activation(encode(standardised x)))``.

    Parameters
    ----------
    mean, scale : (D,) of the features that it was trained on; ``(x - mean) · scale`` has mean 0, and variance 1 but for
        features that hardly change.
    encode, decode : weights (H, D) and (D, H), and biases (H,) and (D,).
    activation : of the hidden units, a name of `ACTIVATIONS`.
    """

    mean: Tensor
    scale: Tensor
    encode: tuple[Tensor, Tensor]
    decode: tuple[Tensor, Tensor]
    activation: str

    def standardised(self, features: Tensor) -> Tensor:
        """(N, D) → (N, D)."""
        return (features - self.mean) * self.scale

    def code(self, features: Tensor) -> Tensor:
        """(N, D) → (N, H)."""
        weight, bias = self.encode
        return ACTIVATIONS[self.activation](torch.nn.functional.linear(self.standardised(features), weight, bias))

    def decoded(self, code: Tensor) -> Tensor:
        """(N, H) → (N, D), comparable with `standardised`."""
        return torch.nn.functional.linear(code, *self.decode)

    def to(self, device: torch.device) -> Autoencoder:
        """Give the same on a device."""
        moved = [tensor.to(device) for tensor in (self.mean, self.scale, *self.encode, *self.decode)]
        return Autoencoder(moved[0], moved[1], (moved[2], moved[3]), (moved[4], moved[5]), self.activation)


Loss = Callable[[Autoencoder, Tensor, Tensor], Tensor]
"""(autoencoder, (B, D) features, (B,) their rows) to a scalar."""


def train_autoencoder(
    features: Tensor, hidden: int, activation: str, loss: Loss, iterations: int, seed: int, rate: float = 1e-3
) -> Autoencoder:
    """Train an autoencoder with Adam on batches of 64.

    Parameters
    ----------
    features : (N, D) of the task's images.
    hidden : H, fewer than D.
    loss : to minimise.
    iterations : updates.
    seed : of initial weights and batches.
    rate : learning rate.
    """
    generator = torch.Generator().manual_seed(seed)
    size = features.shape[1]
    variance = features.var(0, correction=0)
    # A hundredth of the mean variance beside its own: what hardly ever changes must not become noise.
    scale = (variance + 0.01 * variance.mean()).clamp_min(torch.finfo(features.dtype).tiny).rsqrt()

    def uniform(rows: int, columns: int) -> Tensor:
        bound = columns**-0.5
        return (torch.rand(rows, columns, generator=generator) * 2 - 1).mul_(bound).to(features.device).requires_grad_()

    zeros = [torch.zeros(count, device=features.device, requires_grad=True) for count in (hidden, size)]
    made = Autoencoder(
        features.mean(0), scale, (uniform(hidden, size), zeros[0]), (uniform(size, hidden), zeros[1]), activation
    )
    optimizer = torch.optim.Adam([*made.encode, *made.decode], rate)
    for _ in range(iterations):
        rows = torch.randint(len(features), (min(64, len(features)),), generator=generator).to(features.device)
        optimizer.zero_grad()
        loss(made, features[rows], rows).backward()
        optimizer.step()
    return Autoencoder(
        made.mean,
        made.scale,
        (made.encode[0].detach(), made.encode[1].detach()),
        (made.decode[0].detach(), made.decode[1].detach()),
        activation,
    )


def reconstruction_loss(decoded: Tensor, standardised: Tensor) -> Tensor:
    """Squared distance of (N, D) features and their reconstruction, mean over images and features."""
    return (decoded - standardised).square().mean()
