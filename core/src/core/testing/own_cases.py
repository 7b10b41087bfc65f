"""What core says of the checks of its own components: options, and exemptions with their reasons."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.testing.small_job import loader

_PASSED_ON = "keys that it does not know are passed on, as in MMCV; a config is checked for near misses"
_SCALER = "torch's GradScaler asks whether a gradient was infinite before every step"
_LIKE_A_FLAT_VECTOR = "torch views every gradient as a flat vector"
_NOT_COPIED = "torch keeps its list of parameters out of the pickled state"


def cases() -> dict[str, Mapping[str, Any]]:
    """Return the conformance cases of hookloom-core, torch's optimizers among them."""
    return {**_torch(), **_hooks(), **_updaters()}


def _torch() -> dict[str, Mapping[str, Any]]:
    return {
        "optimizers/Adafactor": {
            "exempt": {
                "empty": "torch divides by the size of the parameter",
                "no_waiting": "torch reads the norm of every weight",
            }
        },
        "optimizers/Adadelta": {"state": 2},
        "optimizers/Adagrad": {"state": 1},
        "optimizers/Adam": {"state": 2},
        "optimizers/AdamW": {"state": 2},
        "optimizers/Adamax": {"state": 2},
        "optimizers/ASGD": {
            "exempt": {
                "lr_change": "torch computes the step size from the lr one step ahead",
                "no_waiting": "torch reads the number of the step from the device",
            },
            "state": 1,
        },
        "optimizers/LBFGS": {
            "capabilities": {"needs_closure": True},
            "exempt": {
                "add_param_group": "torch takes the group and fails at the next step: one group is all it can have",
                "channels_last": _LIKE_A_FLAT_VECTOR,
                "noncontiguous": _LIKE_A_FLAT_VECTOR,
                "gradient_layout": _LIKE_A_FLAT_VECTOR,
                "deepcopy": _NOT_COPIED,
                "pickling": _NOT_COPIED,
                "no_waiting": "a line search decides by the loss",
            },
        },
        "optimizers/Muon": {"capabilities": {"needs_split": True}, "state": 1},
        "optimizers/NAdam": {"state": 2},
        "optimizers/RAdam": {"state": 2},
        "optimizers/RMSprop": {"state": 1},
        "optimizers/Rprop": {
            "exempt": {
                "lr_zero": "the lr is only the first step size, and the least one is above 0",
                "lr_change": "the lr is only the first step size",
            },
            "state": 2,
        },
        "optimizers/SGD": {"exempt": {"nan_lr": "torch takes nan for a learning rate here"}, "state": 0},
        "optimizers/SparseAdam": {"exempt": {"*": "it takes sparse gradients alone"}},
    }


def _hooks() -> dict[str, Mapping[str, Any]]:
    evaluation = {
        "options": lambda: {"dataloader": loader(train=False)},
        "exempt": {"unknown_keyword": _PASSED_ON},
    }
    return {
        "hooks/CheckpointHook": {"exempt": {"unknown_keyword": _PASSED_ON}},
        "hooks/ClosureHook": {"options": {"fn_name": "after_train_epoch", "fn": _nothing}},
        "hooks/DistEvalHook": evaluation,
        "hooks/DistSamplerSeedHook": {"exempt": {"weights": "another order of the data is what it is for"}},
        "hooks/EvalHook": evaluation,
        "hooks/Fp16OptimizerHook": {"exempt": {"no_waiting": _SCALER}},
        "hooks/GradientCumulativeFp16OptimizerHook": {"exempt": {"no_waiting": _SCALER}},
        "hooks/TextLoggerHook": {"read": read_json_logs},
    }


def _updaters() -> dict[str, Mapping[str, Any]]:
    return {
        "lr_updaters/step": {"options": {"step": [1, 3]}},
        "lr_updaters/CosineAnnealing": {"options": {"min_lr_ratio": 0.01}},
    }


def _nothing(runner: object) -> None:
    """Do nothing at a hook point."""


def read_json_logs(work_dir: str) -> list[tuple[int, str, float]]:
    """Return what the text logger has written as JSON lines; the step is counted over the run.

    Args:
        work_dir: of the run.
    """
    found: list[tuple[int, str, float]] = []
    epoch_length = 3
    for path in sorted(Path(work_dir).glob("*.log.json"), key=lambda path: path.stat().st_mtime_ns):
        for line in path.read_text().splitlines():
            record = json.loads(line)
            if record.get("mode") == "train":
                step = (record["epoch"] - 1) * epoch_length + record["iter"]
                found += [(step, name, value) for name, value in record.items() if isinstance(value, float)]
    return found
