"""The package hands on its hooks without importing them early, and the page of hooks names every option."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import hookloom_hooks
from core import HOOKS
from core.config.signature import signature_of
from core.plugins.catalog import catalog

PAGE = (Path(__file__).parent.parent.parent / "docs/hooks.md").read_text()


def test_every_entry_point_is_a_name_of_the_package() -> None:
    offered = {
        offer.name: getattr(hookloom_hooks, offer.name)
        for offer in catalog().of("hooks")
        if offer.provider.distribution == "hookloom-hooks"
    }
    assert offered.keys() == set(hookloom_hooks.__all__)
    assert all(HOOKS.get(name) is target for name, target in offered.items())


def test_importing_the_package_imports_none_of_them() -> None:
    code = "import hookloom_hooks, sys; print('torch' in sys.modules, dir(hookloom_hooks) != [])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["False", "True"]


def test_the_page_names_every_option_and_no_other() -> None:
    tables = dict(re.findall(r"`?(\w+Hook)`?[^|]*?\n\n?(?:[^|#]*\n)*?(\| option \|.*?)\n\n", PAGE + "\n\n", re.S))
    options = {name: re.findall(r"^\| `(\w+)` \|", table, re.M) for name, table in tables.items()}
    assert options == {name: list(signature_of(HOOKS.get(name)).parameters) for name in hookloom_hooks.__all__}
