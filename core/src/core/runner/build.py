"""Building a runner from its config section."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.registries import RUNNERS
from core.registry import build_from_cfg


def build_runner(cfg: Mapping[str, Any], default_args: Mapping[str, Any] | None = None) -> Any:
    """Build the runner that a config section describes.

    Args:
        cfg: `type` and arguments, such as `dict(type='EpochBasedRunner', max_epochs=12)`; left as it is.
        default_args: the objects of the run (`model`, `optimizer`, `work_dir`, `logger`, `meta`).
    """
    return build_from_cfg(cfg, RUNNERS, default_args)
