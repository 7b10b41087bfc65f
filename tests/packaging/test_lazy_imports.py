"""What a start must not import, read from `sys.modules` of a process."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = ("torch", "numpy", "rich", "yaml", "hookloom_optim_extra", "hookloom_loggers", "hookloom_hooks")


@pytest.mark.parametrize(
    "code",
    [
        "import core; core.__version__",
        "from core import HookloomError, Registry, HOOKS",
        "from core.cli.main import main; main(['--help'])",
        "from core.cli.main import main; main(['plugins', 'list'])",
        "from core.cli.main import main; main(['run', '--help'])",
        "import core; core.Config; core.DictAction",
    ],
)
def test_nothing_heavy_is_imported(code: str) -> None:
    tail = "\nimport sys, json; print('\\n' + json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code + tail], capture_output=True, text=True, check=True)
    modules = set(json.loads(done.stdout.splitlines()[-1]))
    assert not modules & set(HEAVY)
