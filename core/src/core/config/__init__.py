"""The config language: reading, merging, checking."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.config.config import Config as Config
    from core.config.config_dict import ConfigDict as ConfigDict
    from core.config.dict_action import DictAction as DictAction
else:
    from core.lazy import lazy_names

    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "Config": "core.config.config",
            "ConfigDict": "core.config.config_dict",
            "DictAction": "core.config.dict_action",
        },
    )

__all__ = ["Config", "ConfigDict", "DictAction"]
