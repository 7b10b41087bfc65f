"""Checkpoints from the web, kept in torch's download cache."""

from __future__ import annotations

import hashlib
import re
import shutil
import urllib.request
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from urllib.error import HTTPError
from urllib.parse import unquote, urlsplit

import torch

from core.checkpoint.files import replacing
from core.errors import CheckpointError

_HASHED = re.compile(r"-[0-9a-f]{8,}\.")
_TIMEOUT = 60.0


def is_address(source: str) -> bool:
    """Tell whether a checkpoint is named by an http(s) address.

    Raises:
        CheckpointError: if it is an address of another kind, such as MMCV's `open-mmlab://`.
    """
    scheme, found, _ = source.partition("://")
    if not found:
        return False
    if scheme.lower() not in ("http", "https"):
        raise CheckpointError(
            f"checkpoint {source!r}: addresses of the kind {scheme}:// are not known; "
            "give the file or its http(s) address"
        )
    return True


def fetch(url: str) -> Path:
    """Return the local copy of a checkpoint, downloading it the first time.

    A name that bears a hash (`resnet50-0676ba61.pth`) is shared with everything else that uses torch's cache;
    any other name (`latest.pth`) counts for its own address only.

    Args:
        url: an http(s) address.

    Raises:
        CheckpointError: if the download fails or ends early; nothing partial is kept.
    """
    try:
        name = PurePosixPath(unquote(urlsplit(url).path)).name
    except ValueError as error:
        raise CheckpointError(f"checkpoint {url!r} cannot be downloaded: {error}") from error
    if name in ("", ".."):
        raise CheckpointError(f"checkpoint {url!r}: the address names no file")
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    if not _HASHED.search(name):
        folder /= hashlib.sha256(url.encode()).hexdigest()[:8]
    target = folder / name
    if target.is_file():
        return target
    try:
        folder.mkdir(parents=True, exist_ok=True)
        request = urllib.request.Request(url, headers={"User-Agent": "hookloom-core"})
        with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer, replacing(target) as stream:
            shutil.copyfileobj(answer, stream, 1 << 20)
            wanted = answer.headers.get("Content-Length")
            if wanted is not None and stream.tell() != int(wanted):
                raise CheckpointError(
                    f"checkpoint {url!r}: the download ended after {stream.tell():,} of {int(wanted):,} bytes"
                )
    except HTTPError as error:
        error.close()
        raise CheckpointError(
            f"checkpoint {url!r} cannot be downloaded: the server answers {error.code} {error.reason}"
        ) from error
    except (OSError, HTTPException, ValueError) as error:
        raise CheckpointError(f"checkpoint {url!r} cannot be downloaded: {error}") from error
    return target
