"""What this package says of the conformance checks of its components: options, memory, and exemptions with reasons."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hookloom_optim_extra.pytorch_optimizer.table import USABLE

_ANY_BASIS = "eigenvectors of equal eigenvalues are any basis of their space, which rounding chooses"
_NOT_OURS = "the library's own code behind an adapter; benchmarks/optim_conformance.py has its table"
_OWN_VALUE = "its own options say where the curve begins and ends, not the optimizer's"


def cases() -> dict[str, Mapping[str, Any]]:
    """Return the conformance cases of hookloom-optim-extra, for runs of 4 epochs of 5 iterations."""
    return {**_optimizers(), **_library(), **_constructors(), **_lr_updaters(), **_momentum_updaters()}


def _optimizers() -> dict[str, Mapping[str, Any]]:
    return {
        "optimizers/Lion": {"state": 1},
        "optimizers/LAMB": {"state": 2},
        "optimizers/LARS": {"state": 1},
        "optimizers/Adan": {"state": 4},
        "optimizers/AdEMAMix": {"state": 3},
        "optimizers/MARS": {"state": 3},
        "optimizers/SOAP": {"exempt": dict.fromkeys(("float64", "float16", "bfloat16", "channels_last"), _ANY_BASIS)},
        "optimizers/Prodigy": {"state": 4},
        "optimizers/ScheduleFreeAdamW": {"state": 2},
        "optimizers/ScheduleFreeSGD": {"state": 1},
    }


def _library() -> dict[str, Mapping[str, Any]]:
    return {f"optimizers/pytorch_optimizer.{name}": {"exempt": {"*": _NOT_OURS}} for name in USABLE}


def _constructors() -> dict[str, Mapping[str, Any]]:
    layers = {"decay_rate": 0.8, "num_layers": 2, "layer_ids": {r"^backbone\.(\d)": 1}}
    muon = {"type": "MuonAdamW", "lr": 0.01, "weight_decay": 0.01}
    return {
        "optimizer_builders/LayerDecayOptimizerConstructor": {"paramwise_cfg": layers},
        "optimizer_builders/LearningRateDecayOptimizerConstructor": {"paramwise_cfg": layers},
        "optimizer_builders/MuonConstructor": {"optimizer_cfg": muon},
        "optimizer_builders/FreezeConstructor": {
            "paramwise_cfg": {"freeze": [r"^neck\."]},
            "exempt": {"model_untouched": "to freeze parameters is what it is for"},
        },
    }


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
