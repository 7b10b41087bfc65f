"""What a start must not import, read from `sys.modules` of a process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {"torch", "numpy", "rich", "yaml", "hookloom_optim_extra", "hookloom_loggers", "hookloom_hooks"}
TAIL = "\nimport sys, json; print('\\n' + json.dumps(sorted(sys.modules)))"


def modules_after(code: str, folder: Path) -> set[str]:
    command = [sys.executable, "-c", code + TAIL]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    "code",
    [
        "import core; core.__version__",
        "from core import HookloomError, Registry, HOOKS",
        "import core; core.Config; core.DictAction; dir(core)",
        "from core.cli.main import main; assert main(['--help']) == 0",
        "from core.cli.main import main; assert main(['--version']) == 0",
        "from core.cli.main import main; assert main(['run', '--help']) == 0",
        "from core.cli.main import main; assert main(['check', '--help']) == 0",
        "from core.cli.main import main; assert main(['plot', 'lr', '--help']) == 0",
        "from core.cli.main import main; assert main(['plugins', 'list']) == 0",
        "from core.cli.main import main; assert main(['plugins', 'list', 'hooks']) == 0",
    ],
)
def test_nothing_heavy_is_imported(code: str, tmp_path: Path) -> None:
    assert not modules_after(code, tmp_path) & HEAVY


def test_a_plugin_hands_its_names_on_lazily(tmp_path: Path) -> None:
    modules = modules_after("import hookloom_optim_extra; dir(hookloom_optim_extra)", tmp_path)
    assert modules & HEAVY == {"hookloom_optim_extra"}


@pytest.mark.parametrize(
    "arguments",
    [
        ["config", "print", "net.py"],
        ["config", "explain", "net.py", "optimizer.lr"],
        ["config", "diff", "net.py", "net.py", "--cfg-options", "optimizer.lr=1"],
        ["config", "schema", "--help"],
    ],
    ids=lambda arguments: arguments[1],
)
def test_a_config_is_seen_without_torch(arguments: list[str], tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text("optimizer = dict(type='Lion', lr=1e-4)\n")
    code = f"from core.cli.main import main; assert main({arguments}) == 0"
    assert not modules_after(code, tmp_path) & (HEAVY | {"cattrs", "core.registries", "core.json_schema"})


def test_a_log_is_read_without_torch(tmp_path: Path) -> None:
    (tmp_path / "a.log.json").write_text('{"mode": "train", "epoch": 1, "iter": 1, "loss": 1.0}\n')
    code = "from core.cli.main import main; assert main(['plot', 'log', 'a.log.json']) == 0"
    assert not modules_after(code, tmp_path) & (HEAVY | {"matplotlib", "plotille"})


def test_a_component_brings_its_plugin_and_no_other(tmp_path: Path) -> None:
    modules = modules_after("from core import OPTIMIZERS; OPTIMIZERS.get('Lion')", tmp_path)
    assert "hookloom_optim_extra.optim.lion" in modules
    assert not modules & {"hookloom_loggers", "hookloom_hooks", "hookloom_optim_extra.lr.cyclic"}


@pytest.mark.parametrize("arguments", [["core", "--help"], ["core", "plugins", "list"], ["core.run", "--help"]])
def test_the_module_doors_are_as_light(arguments: list[str], tmp_path: Path) -> None:
    command = [sys.executable, "-X", "importtime", "-m", *arguments]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert "core.cli.main" in imported
    assert not imported & HEAVY
