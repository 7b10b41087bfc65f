"""Learning-rate updaters: the base that plugins and users derive from, and the four everyday policies."""

from __future__ import annotations

from core.lr.annealing import annealing_cos, annealing_linear, lowest
from core.lr.base import LrUpdaterHook
from core.lr.cosine import CosineAnnealingLrUpdaterHook
from core.lr.fixed import FixedLrUpdaterHook
from core.lr.poly import PolyLrUpdaterHook
from core.lr.step import StepLrUpdaterHook

__all__ = [
    "CosineAnnealingLrUpdaterHook",
    "FixedLrUpdaterHook",
    "LrUpdaterHook",
    "PolyLrUpdaterHook",
    "StepLrUpdaterHook",
    "annealing_cos",
    "annealing_linear",
    "lowest",
]
