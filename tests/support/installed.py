"""Distributions installed for one test: metadata and one module, in a folder that is put on the path."""

from __future__ import annotations

from pathlib import Path

from core import component
from core.plugins import catalog


def install(folder: Path, name: str, points: str, code: str = "", requires: str = "", version: str = "1.2") -> None:
    """Install a distribution.

    Args:
        folder: a folder on the path.
        name: the distribution; its module bears the same name.
        points: the text of its `entry_points.txt`.
        code: the text of its module.
        requires: what it depends on.
        version: its version.
    """
    module = name.replace("-", "_")
    info = folder / f"{module}-{version}.dist-info"
    info.mkdir()
    needs = f"Requires-Dist: {requires}\n" if requires else ""
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}")
    (info / "entry_points.txt").write_text(points)
    (folder / f"{module}.py").write_text(code)
    forget()


def forget() -> None:
    """Let the next look at the installed distributions read them anew."""
    component.distribution_of.cache_clear()
    catalog.catalog.cache_clear()
    catalog._refused_core_range.cache_clear()
