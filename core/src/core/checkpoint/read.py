"""Reading a checkpoint from a file or an address: data only, never code."""

from __future__ import annotations

import contextlib
import logging
import pickle
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from core.checkpoint.archive import TRUST, check_archive, is_zip
from core.checkpoint.download import fetch, is_address
from core.checkpoint.foreign import STAND_INS
from core.checkpoint.format import migrate
from core.errors import CheckpointError

_trusted: list[bool] = []
_GLOBAL = re.compile(r"GLOBAL (\w[\w.]*)")


@contextlib.contextmanager
def trusting() -> Iterator[None]:
    """Let the checkpoints of a block of code be unpickled whole, which runs any code in them.

    The user's `--trust-checkpoint` is the only reason to use it.
    """
    _trusted.append(True)
    try:
        yield
    finally:
        _trusted.pop()


def read_checkpoint(source: str | Path, map_location: Any = "cpu", *, trust: bool = False) -> dict[str, Any]:
    """Read a checkpoint: one of ours, of MMCV, or a bare state dict.

    numpy's numbers and arrays, which MMCV's files may hold, are read as numbers and lists.

    Args:
        source: a path, or an http(s) address, which is kept in torch's download cache.
        map_location: where tensors go, as torch.load takes it; None for the device they were on, or the CPU
            if this machine has no such device.
        trust: unpickle it whole, which runs any code in it.

    Raises:
        CheckpointError: if the file is missing, truncated, damaged, no checkpoint, of a newer format, or holds
            objects that only running code could make.
    """
    name = str(source)
    path = fetch(name) if is_address(name) else Path(source)
    if path.is_dir():
        raise CheckpointError(f"checkpoint {name!r} is a folder")
    if not path.exists():
        raise CheckpointError(f"checkpoint {name!r} does not exist")
    trust = trust or bool(_trusted)
    if trust:
        logging.getLogger("core").warning(
            "checkpoint %r is trusted: it is unpickled whole, and any code in it runs", name
        )
    try:
        check_archive(path, name, trusted=trust)
        content = _load(path, name, _where if map_location is None else map_location, trust)
    except OSError as error:
        raise CheckpointError(f"checkpoint {name!r} cannot be read: {error.strerror or error}") from error
    if not isinstance(content, dict):
        raise CheckpointError(f"checkpoint {name!r} holds a {type(content).__name__}, no weights by name")
    return migrate(content, name)


def read_meta(path: Path) -> dict[str, Any] | None:
    """Return the `meta` of a checkpoint, without reading its tensors where the file allows that.

    Returns:
        None if the file holds weights alone.

    Raises:
        CheckpointError: as `read_checkpoint`.
    """
    name = str(path)
    trust = bool(_trusted)
    try:
        check_archive(path, name, trusted=trust, records=False)
        content = _load(path, name, "cpu", trust, mmap=is_zip(path))
    except OSError as error:
        raise CheckpointError(f"checkpoint {name!r} cannot be read: {error.strerror or error}") from error
    meta = migrate(content, name).get("meta") if isinstance(content, dict) else None
    return meta if isinstance(meta, dict) else None


def _load(path: Path, name: str, map_location: Any, trust: bool, *, mmap: bool = False) -> Any:
    try:
        if trust:
            return torch.load(path, map_location=map_location, weights_only=False, mmap=mmap)
        with torch.serialization.safe_globals(STAND_INS):
            return torch.load(path, map_location=map_location, weights_only=True, mmap=mmap)
    except CheckpointError as error:  # from a stand-in, which does not know the file
        raise CheckpointError(f"checkpoint {name!r} {error}. {TRUST}") from error
    except pickle.UnpicklingError as error:
        found = _GLOBAL.search(str(error))
        if found is None:
            raise CheckpointError(f"checkpoint {name!r} is damaged: {_last_line(error)}") from error
        raise CheckpointError(
            f"checkpoint {name!r} holds what only running its code could make ({found[1]}); it was not run. {TRUST}"
        ) from error
    except OSError:
        raise
    except ImportError as error:
        raise CheckpointError(f"checkpoint {name!r} needs a package that is not there: {error}") from error
    except Exception as error:  # a damaged pickle fails in any way it likes
        text = _last_line(error)
        if "deserialize object on" in text:
            raise CheckpointError(f"checkpoint {name!r} cannot be put on {map_location!r}: {text}") from error
        raise CheckpointError(f"checkpoint {name!r} is truncated or damaged: {text}") from error


def _where(storage: Any, location: str) -> Any:
    """Leave a tensor on the CPU if the device it comes from is not here; else torch decides (None)."""
    kind, _, index = location.partition(":")
    if kind == "cuda" and int(index or 0) >= torch.cuda.device_count():
        return storage
    if kind == "mps" and not torch.backends.mps.is_available():
        return storage
    return None


def _last_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    texts = [line for line in lines if "weights_only" not in line and "documentation" not in line]
    return (texts or lines or [type(error).__name__])[0][:200]
