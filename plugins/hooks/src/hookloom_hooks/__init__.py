"""Training hooks beyond the default ones, one a file.

A config names them; code imports them from here, each when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hookloom_hooks.early_stopping import EarlyStoppingHook
    from hookloom_hooks.ema import EMAHook
    from hookloom_hooks.empty_cache import EmptyCacheHook
    from hookloom_hooks.gradient_monitor import GradientMonitorHook
    from hookloom_hooks.num_class_check import NumClassCheckHook
    from hookloom_hooks.precise_bn import PreciseBNHook
    from hookloom_hooks.profiler import ProfilerHook
    from hookloom_hooks.sync_buffers import SyncBuffersHook
else:
    from core.lazy import lazy_names

    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "EMAHook": "hookloom_hooks.ema",
            "EarlyStoppingHook": "hookloom_hooks.early_stopping",
            "EmptyCacheHook": "hookloom_hooks.empty_cache",
            "GradientMonitorHook": "hookloom_hooks.gradient_monitor",
            "NumClassCheckHook": "hookloom_hooks.num_class_check",
            "PreciseBNHook": "hookloom_hooks.precise_bn",
            "ProfilerHook": "hookloom_hooks.profiler",
            "SyncBuffersHook": "hookloom_hooks.sync_buffers",
        },
    )

__all__ = [
    "EMAHook",
    "EarlyStoppingHook",
    "EmptyCacheHook",
    "GradientMonitorHook",
    "NumClassCheckHook",
    "PreciseBNHook",
    "ProfilerHook",
    "SyncBuffersHook",
]
