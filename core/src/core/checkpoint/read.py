"""Reading a checkpoint from a file or an address: data only, never code."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import Any

import torch

from core.checkpoint.format import migrate
from core.errors import CheckpointError

_trusted: list[bool] = []


class trusting:
    """Let the checkpoints of a block of code be unpickled whole, which runs any code in them.

    The user's `--trust-checkpoint` is the only reason to use it.
    """

    def __enter__(self) -> None:
        _trusted.append(True)

    def __exit__(self, *_: object) -> None:
        _trusted.pop()


def read_checkpoint(source: str | Path, map_location: Any = "cpu") -> dict[str, Any]:
    """Read a checkpoint: one of ours, of MMCV, or a bare state dict.

    Args:
        source: a path, or an http(s) address, which is kept in torch's download cache.
        map_location: where tensors go, as torch.load takes it.

    Raises:
        CheckpointError: if the file is missing, truncated, no checkpoint, of a newer format, or holds
            objects that only running code could make.
    """
    name = str(source)
    path = _downloaded(name) if name.startswith(("http://", "https://")) else Path(source)
    if not path.is_file():
        raise CheckpointError(f"checkpoint {name!r} does not exist")
    try:
        content = torch.load(path, map_location=map_location, weights_only=not _trusted)
    except pickle.UnpicklingError as error:
        raise CheckpointError(_refusal(name, str(error))) from error
    except (RuntimeError, EOFError, KeyError, ValueError, zipfile.BadZipFile, AttributeError) as error:
        raise CheckpointError(f"checkpoint {name!r} is truncated or damaged: {_first_line(error)}") from error
    except OSError as error:
        raise CheckpointError(f"checkpoint {name!r} cannot be read: {error.strerror or error}") from error
    if not isinstance(content, dict):
        raise CheckpointError(f"checkpoint {name!r} holds a {type(content).__name__}, no checkpoint")
    return migrate(content, name)


def _downloaded(url: str) -> Path:
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    target = folder / url.rpartition("/")[2].partition("?")[0]
    if not target.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        try:
            torch.hub.download_url_to_file(url, str(target), progress=False)
        except OSError as error:
            raise CheckpointError(f"checkpoint {url!r} cannot be downloaded: {error}") from error
    return target


def _refusal(name: str, reason: str) -> str:
    if "GLOBAL" in reason or "Unsupported" in reason or "allowed" in reason:
        found = next((word for word in reason.split() if "." in word and word[0].isalpha()), "a foreign class")
        return (
            f"checkpoint {name!r} holds objects that only running its code could make ({found.rstrip('.,')}); it "
            "was not run. If you know who wrote the file, --trust-checkpoint unpickles it whole, code included"
        )
    return f"checkpoint {name!r} is no checkpoint of torch: {_first_line(reason)}"


def _first_line(reason: object) -> str:
    return str(reason).strip().partition("\n")[0] or type(reason).__name__
