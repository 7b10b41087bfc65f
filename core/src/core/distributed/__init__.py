"""Several processes that train one model."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.distributed.env import get_dist_info as get_dist_info
    from core.distributed.env import master_only as master_only
    from core.distributed.launch import init_dist as init_dist
else:
    from core.lazy import lazy_names

    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "get_dist_info": "core.distributed.env",
            "master_only": "core.distributed.env",
            "init_dist": "core.distributed.launch",
        },
    )

__all__ = ["get_dist_info", "init_dist", "master_only"]
