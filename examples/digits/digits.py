"""Handwritten digits: the dataset and the model of this example."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional

from core import DATASETS, MODELS


@DATASETS.register_module()
class Digits(torch.utils.data.Dataset):
    """scikit-learn's 1,797 images of 8 x 8 pixels, a fifth of them held out.

    Args:
        split: `train` or `test`.
        shift: largest random shift in pixels, in training.
        seed: of the split.
    """

    CLASSES = tuple("0123456789")

    def __init__(self, split: str, shift: int = 0, seed: int = 0) -> None:
        digits = load_digits()
        order = np.random.RandomState(seed).permutation(len(digits.target))
        held_out = len(order) // 5
        chosen = order[:held_out] if split == "test" else order[held_out:]
        self.images = torch.tensor(digits.images[chosen] / 16.0, dtype=torch.float32).unsqueeze(1)
        self.labels = torch.tensor(digits.target[chosen])
        self.shift = shift

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> dict[str, Any]:
        image = self.images[index]
        if self.shift:
            down, right = torch.randint(-self.shift, self.shift + 1, (2,)).tolist()
            image = torch.roll(image, (down, right), dims=(1, 2))
        return {"img": image, "gt_label": self.labels[index]}

    def evaluate(self, results: list[Any], metric: str = "accuracy", logger: Any = None) -> dict[str, float]:
        """Return the share of digits that were recognised, in percent."""
        scores = torch.stack([torch.as_tensor(result) for result in results])
        hits = (scores.argmax(dim=1) == self.labels).float().mean().item()
        return {f"{metric}_top-1": 100 * hits}


@MODELS.register_module()
class LeNet(nn.Module):
    """Two convolutions and two linear layers (LeCun et al. 1998), for 8 x 8 pixels.

    Args:
        num_classes: how many classes there are.
        width: channels of the first convolution.
    """

    def __init__(self, num_classes: int = 10, width: int = 16) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, 2 * width, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )
        self.head = nn.Sequential(
            nn.Flatten(), nn.Linear(32 * width, 64), nn.ReLU(), nn.Dropout(0.25), nn.Linear(64, num_classes)
        )

    def forward(self, img: torch.Tensor, gt_label: torch.Tensor | None = None, return_loss: bool = True) -> Any:
        """Return the loss in training, the scores otherwise."""
        scores = self.head(self.features(img))
        if not return_loss or gt_label is None:
            return scores
        return {
            "loss": functional.cross_entropy(scores, gt_label),
            "accuracy": (scores.argmax(dim=1) == gt_label).float().mean() * 100,
        }
