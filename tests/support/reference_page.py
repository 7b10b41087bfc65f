"""Writes the reference of all sections and keys into a page, below the line that says so."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

# Core alone: what plugins offer changes with them, and each user's own command shows it.
COMMAND = ("config", "schema", "--format", "markdown", "--allow-plugins", "")
MARK = '<!-- From here on written by `hookloom config schema --format markdown --allow-plugins ""`. -->\n'


def with_reference(page: str) -> str:
    """Return the page with the reference as it is today."""
    done = subprocess.run([sys.executable, "-m", "core", *COMMAND], capture_output=True, text=True, check=True)
    return f"{page.partition(MARK)[0]}{MARK}\n{done.stdout}"


if __name__ == "__main__":
    for name in sys.argv[1:]:
        path = Path(name)
        path.write_text(with_reference(path.read_text()))
