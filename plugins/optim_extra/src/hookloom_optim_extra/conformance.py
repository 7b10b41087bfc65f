"""What this package says of the conformance checks of its components: options, memory, and exemptions with reasons."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_OWN_VALUE = "its own options say where the curve begins and ends, not the optimizer's"


def cases() -> dict[str, Mapping[str, Any]]:
    """Return the conformance cases of hookloom-optim-extra, for runs of 4 epochs of 5 iterations."""
    return {**_optimizers(), **_lr_updaters(), **_momentum_updaters()}


def _optimizers() -> dict[str, Mapping[str, Any]]:
    return {"optimizers/Lion": {"state": 1}}


def _lr_updaters() -> dict[str, Mapping[str, Any]]:
    parts = [{"policy": "fixed"}, {"policy": "step", "step": 1}]
    return {
        "lr_updaters/exp": {"options": {"gamma": 0.9}},
        "lr_updaters/inv": {"options": {"gamma": 0.1}},
        "lr_updaters/LinearAnnealing": {"options": {"min_lr": 0.01}},
        "lr_updaters/FlatCosineAnnealing": {"options": {"min_lr": 0.01, "start_percent": 0.5}},
        "lr_updaters/CosineRestart": {
            "options": {"periods": [2, 18], "restart_weights": [1, 0.5], "min_lr": 0.01},
        },
        "lr_updaters/OneCycle": {"options": {"max_lr": 0.5}, "exempt": {"base_value": _OWN_VALUE}},
        "lr_updaters/InverseSqrt": {"options": {"timescale": 3}},
        "lr_updaters/Noam": {"options": {"d_model": 4, "warmup_steps": 3}},
        "lr_updaters/Sequential": {"options": {"policies": parts, "milestones": [2]}},
        "lr_updaters/Plateau": {"options": {"monitor": "loss", "patience": 0}},
        "lr_updaters/torch": {"options": {"scheduler": "ExponentialLR", "options": {"gamma": 0.9}}},
    }


def _momentum_updaters() -> dict[str, Mapping[str, Any]]:
    return {
        "momentum_updaters/step": {"options": {"step": [1, 3]}},
        "momentum_updaters/CosineAnnealing": {"options": {"min_momentum": 0.1}},
        "momentum_updaters/LinearAnnealing": {"options": {"min_momentum": 0.1}},
        "momentum_updaters/OneCycle": {
            "options": {"base_momentum": 0.85, "max_momentum": 0.95},
            "exempt": {"base_value": _OWN_VALUE},
        },
    }
