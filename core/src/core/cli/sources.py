"""Where a config comes from that a command looks at: a file of its own, or the checkpoint of a run."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import CheckpointError

if TYPE_CHECKING:
    from core.config.loader import Loaded


def read_source(
    name: str, overrides: Mapping[str, Any] | None = None, *, static: bool = False, trust: bool = False
) -> Loaded:
    """Read a config, or the one that a checkpoint says it was trained with.

    The text in a checkpoint is never run, whatever the options say.

    Args:
        name: a config, or a file with any other extension, which is a checkpoint.
        overrides: values by dotted key, merged last.
        static: refuse a Python config that would have to be run.
        trust: unpickle the checkpoint whole, which runs any code in it.

    Raises:
        ConfigError: if the config cannot be read.
        CheckpointError: if the checkpoint cannot be read, or holds no config.
    """
    from core.config.formats import EXTENSIONS
    from core.config.loader import load

    extension = os.path.splitext(name)[1].lower()
    if extension in EXTENSIONS or (not extension and not os.path.isfile(name)):
        return load(name, overrides=overrides, static=static)
    return _from_checkpoint(Path(name).expanduser(), overrides, trust=trust)


def _from_checkpoint(path: Path, overrides: Mapping[str, Any] | None, *, trust: bool) -> Loaded:
    from core.checkpoint import trusting
    from core.checkpoint.read import read_meta
    from core.config.loader import from_dict, read_string

    if not path.is_file():
        raise CheckpointError(f"checkpoint {str(path)!r} does not exist")
    with trusting() if trust else contextlib.nullcontext():
        config = (read_meta(path) or {}).get("config")
    if isinstance(config, Mapping):
        return from_dict(config, overrides=overrides)
    if not isinstance(config, str):
        raise CheckpointError(f"checkpoint {str(path)!r} holds no config: its meta has no text 'config'")
    # An error names it as if the checkpoint were a folder.
    return read_string(config, ".py", folder=str(path), overrides=overrides, static=True)
