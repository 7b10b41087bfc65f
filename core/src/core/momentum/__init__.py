"""Momentum updaters: the base that plugins and users derive from."""

from __future__ import annotations

from core.momentum.base import MomentumUpdaterHook

__all__ = ["MomentumUpdaterHook"]
