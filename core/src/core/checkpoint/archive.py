"""What kind of file a checkpoint is, and whether it is whole, told before anything in it is unpickled."""

from __future__ import annotations

import pickletools
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

from core.errors import CheckpointError

_ZIP = b"PK\x03\x04"
_LEGACY = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."  # what torch wrote before 1.6
_LEGACY_PICKLES = 5  # magic number, version, machine, content, names of the tensors' data that follows
_LFS = b"version https://git-lfs"
_CHUNK = 1 << 20


def check_archive(path: Path, name: str, *, trusted: bool = False, records: bool = True) -> None:
    """Refuse a file that is empty, cut off, damaged or no checkpoint of torch.

    torch itself does not look at the checksums in the file, so a flipped bit would end up in the weights.

    Args:
        path: the file.
        name: what the user calls it, for the error.
        trusted: whether it may be pickled in ways that reading as data does not know.
        records: whether the checksums are compared, for which the file is read once.

    Raises:
        CheckpointError: saying which of these it is.
        OSError: if it cannot be read.
    """
    with path.open("rb") as stream:
        head = stream.read(64)
    if not head:
        raise CheckpointError(f"checkpoint {name!r} is empty")
    if head.startswith(_ZIP):
        _check_zip(path, name, trusted, records)
    elif head.startswith(_LFS):
        raise CheckpointError(f"checkpoint {name!r} is only the pointer that git-lfs left; `git lfs pull` fetches it")
    elif _ZIP.startswith(head) or _LEGACY.startswith(head):
        raise CheckpointError(f"checkpoint {name!r} is truncated: it ends after {len(head)} bytes")
    elif head.startswith(_LEGACY):
        _check_legacy(path, name)
    else:
        _check_pickle(head, name, trusted)


def is_zip(path: Path) -> bool:
    """Tell whether a file is an archive as torch writes it since 1.6."""
    with path.open("rb") as stream:
        return stream.read(len(_ZIP)) == _ZIP


def _check_zip(path: Path, name: str, trusted: bool, compare: bool) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            records = {info.filename.partition("/")[2]: info for info in archive.infolist()}
            if "constants.pkl" in records:
                raise CheckpointError(f"checkpoint {name!r} is a TorchScript program; its state_dict is wanted")
            if "data.pkl" not in records:
                raise CheckpointError(f"checkpoint {name!r} is a zip file, but torch did not write it")
            for info in records.values() if compare else ():
                _check_record(archive, info)
            content = records["data.pkl"]
            if content.CRC != 0:
                with archive.open(content) as stream:
                    _check_protocol(stream.read(2), name, trusted)
    except zipfile.BadZipFile as error:
        if "not a zip file" in str(error):
            raise CheckpointError(f"checkpoint {name!r} is truncated: its table of contents is missing") from error
        raise CheckpointError(f"checkpoint {name!r} is damaged: {error}") from error
    except (ValueError, RuntimeError, EOFError, struct.error, zlib.error) as error:
        raise CheckpointError(f"checkpoint {name!r} is damaged: {error}") from error


def _check_record(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> None:
    if info.CRC == 0:  # torch was told to write no checksums
        return
    with archive.open(info) as stream:
        while stream.read(_CHUNK):
            pass


def _check_legacy(path: Path, name: str) -> None:
    """Walk over the pickles at the file's beginning: one cut in two would look as if it named a foreign class."""
    with path.open("rb") as stream:
        try:
            for _ in range(_LEGACY_PICKLES):
                for _ in pickletools.genops(stream):
                    pass
        except Exception as error:
            raise CheckpointError(f"checkpoint {name!r} is truncated: it ends within its list of contents") from error


def _check_pickle(head: bytes, name: str, trusted: bool) -> None:
    if head[:1] == b"\x80" and head[1:2] <= b"\x05":
        _check_protocol(head, name, trusted)
        raise CheckpointError(f"checkpoint {name!r} is a pickle, but torch did not write it")
    raise CheckpointError(f"checkpoint {name!r} is no file of torch: it begins with {_shown(head)}")


def _check_protocol(head: bytes, name: str, trusted: bool) -> None:
    if head[1:2] != b"\x02" and not trusted:
        raise CheckpointError(
            f"checkpoint {name!r} was pickled with protocol {head[1]}, which can only be read by running it; "
            f"torch's own protocol is 2. {TRUST}"
        )


def _shown(head: bytes) -> Any:
    line = head[:24].partition(b"\n")[0]
    return repr(line.decode()) if line.isascii() and line.decode().isprintable() else head[:24].hex(" ")


TRUST = "If you know who wrote the file, --trust-checkpoint unpickles it whole, code included"
