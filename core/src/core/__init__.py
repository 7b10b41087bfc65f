"""Hookloom's core: a training runner that speaks MMCV 1.x's config language and whose components are plugins.

Every public name is handed on when it is first used, so that `import core` imports neither torch nor a plugin.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.names import PUBLIC

__version__ = "0.1.0"
__all__ = sorted(PUBLIC)

if TYPE_CHECKING:
    from core.public import *  # noqa: F403
else:
    from core.lazy import lazy_names

    __getattr__, __dir__ = lazy_names(__name__, PUBLIC)
