"""Mean and variance of the inputs of a layer over many batches, exact however they are cut."""

from __future__ import annotations

import attrs
import torch


@attrs.define(eq=False)
class Moments:
    """Count, mean and sum of squared deviations of each channel, merged batch by batch.

    n = a + b, d = mean_b - mean_a, mean = mean_a + d b / n, M2 = M2_a + M2_b + d^2 a b / n (Chan, Golub and
    LeVeque 1979), in double precision where the device has it.
    """

    count: float = 0.0
    mean: torch.Tensor | None = None
    deviations: torch.Tensor | None = None

    def add(self, batch: torch.Tensor) -> None:
        """Take in a batch.

        Args:
            batch: of shape (N, C) or (N, C, ...).
        """
        count = batch.numel() // batch.shape[1] if batch.shape[1] else 0
        if not count:
            return
        precise = torch.float32 if batch.device.type == "mps" else torch.float64
        # Half precision has too few digits for a variance.
        values = batch.detach() if batch.dtype.itemsize >= 4 else batch.detach().float()
        dims = [dim for dim in range(values.ndim) if dim != 1]
        variance, mean = torch.var_mean(values, dims, correction=0)
        self.merge(Moments(count, mean.to(precise), variance.to(precise) * count))

    def merge(self, other: Moments) -> None:
        """Take in what another one has counted."""
        if other.mean is None or other.deviations is None:
            return
        if self.mean is None or self.deviations is None:
            self.count, self.mean, self.deviations = other.count, other.mean, other.deviations
            return
        total = self.count + other.count
        delta = other.mean - self.mean
        self.mean = self.mean + delta * (other.count / total)
        self.deviations = self.deviations + other.deviations + delta**2 * (self.count * other.count / total)
        self.count = total

    def variance(self) -> torch.Tensor | None:
        """Return the unbiased variance, which is what running statistics hold; None for fewer than two values."""
        return None if self.deviations is None or self.count < 2 else self.deviations / (self.count - 1)
