"""The configs of eleven MMCV 1.x projects: unpacking them from packages, and finding them again."""

from __future__ import annotations

import os
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

SUFFIXES = (".py", ".yml", ".yaml", ".json")


def folder() -> Path | None:
    """Return the folder with one folder per project, which `nox -s corpus` names."""
    named = os.environ.get("HOOKLOOM_CORPUS")
    return Path(named) if named else None


def files(project: Path) -> list[Path]:
    """Return all configs of a project."""
    return sorted(path for path in (project / "configs").rglob("*") if path.suffix in SUFFIXES)


def runnable(project: Path) -> list[Path]:
    """Return the configs of a project that are no bases of others."""
    return [path for path in files(project) if path.suffix == ".py" and "_base_" not in path.parts]


def members(archive: Path) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of all files of a wheel or a source archive."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            yield from ((info.filename, wheel.read(info)) for info in wheel.infolist() if not info.is_dir())
        return
    with tarfile.open(archive) as source:
        for info in source:
            stream = source.extractfile(info) if info.isfile() else None
            if stream is not None:
                yield info.name, stream.read()


def unpack(archives: Path, into: Path) -> None:
    """Unpack the configs of all archives of a folder; `into` appears when it is whole."""
    into.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=into.parent) as growing:
        whole = Path(growing, "corpus")
        for archive in sorted(archives.iterdir()):
            project = whole / archive.name.partition("-")[0]
            for name, content in members(archive):
                below = name.partition("/.mim/")[2]
                path = (project / below).resolve()
                if below.startswith("configs/") and path.suffix in SUFFIXES and path.is_relative_to(project.resolve()):
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(content)
        whole.rename(into)


if __name__ == "__main__":
    unpack(Path(sys.argv[1]), Path(sys.argv[2]))
