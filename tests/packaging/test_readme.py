"""The README: its commands name what exists, its figures are tested, and CI runs the test command it gives."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from core.cli.main import build_parser
from core.config.loader import load

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text()
TEST_COMMAND = "pip install nox && nox"


def commands(text: str) -> list[str]:
    """Return the lines of indented blocks, without their comments."""
    return [line.split("#")[0].strip() for line in re.findall(r"^    (\S.*)$", text, re.M)]


def test_two_commands_do_everything() -> None:
    setup, test = commands(README)[:2]
    assert setup.startswith("python3 -m venv .venv && . .venv/bin/activate && pip install ")
    assert setup.endswith(" && python -m core.run examples/digits/lenet.py")
    assert test == TEST_COMMAND


def test_the_first_command_installs_what_there_is() -> None:
    install = commands(README)[0].split(" && ")[2].split()
    assert install[:4] == ["pip", "install", "-c", "constraints.txt"]
    parts = {part.strip('"') for part in install[4:]}
    installed = {part.split("[")[0] for part in parts if part.startswith("./")}
    assert installed == {"./core", "./plugins/optim_extra", "./plugins/loggers", "./plugins/hooks"}
    (extras,) = (part for part in parts if "[" in part)
    offered = tomllib.loads((ROOT / "plugins/loggers/pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert extras.partition("[")[2].removesuffix("]") in offered
    imported = ast.parse((ROOT / "examples/digits/digits.py").read_text()).body
    wanted = {(node.module or "").split(".")[0] for node in imported if isinstance(node, ast.ImportFrom)}
    assert wanted <= {"__future__", "typing", "sklearn", "torch", "core"}
    assert "scikit-learn" in parts


def test_every_folder_and_distribution_is_named() -> None:
    rows = re.findall(r"^\| \[([\w/]+)\]\(([\w/.]+)\) \| (?:`([\w-]+)`)? *\|", README, re.M)
    assert {shown for shown, _, _ in rows} == {
        *("core", "plugins/optim_extra", "plugins/loggers", "plugins/hooks"),
        *("examples", "benchmarks", "docs", "tests"),
    }
    for shown, link, distribution in rows:
        assert (ROOT / link).exists()
        assert (ROOT / shown).is_dir()
        if distribution:
            table = tomllib.loads((ROOT / shown / "pyproject.toml").read_text())
            assert table["project"]["name"] == distribution


def test_every_command_is_one() -> None:
    for line in commands(README):
        words = line.split()
        if words[0] == "hookloom":
            arguments = [str(ROOT / "examples/digits/smoke.py") if word == "CONFIG" else word for word in words[1:]]
            build_parser().parse_args(arguments)


def test_ci_runs_the_test_command(tmp_path: Path) -> None:
    script = ROOT / ".ci/run"
    assert os.access(script, os.X_OK)
    (pattern,) = re.findall(r"sed -n '(.*)' README.md", script.read_text())
    found = subprocess.run(["sed", "-n", pattern, str(ROOT / "README.md")], capture_output=True, text=True, check=True)
    assert found.stdout == f"{TEST_COMMAND}\n"
    assert 'bash -euo pipefail -c "$command"' in script.read_text()


def test_nox_runs_tests_lint_and_types_by_default() -> None:
    tree = ast.parse((ROOT / "noxfile.py").read_text())
    sessions = [node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.decorator_list]
    assert sessions == ["tests", "minimums", "corpus", "lint", "types", "docs", "build", "storm", "bench"]
    assert 'nox.options.sessions = ("tests", "lint", "types")' in (ROOT / "noxfile.py").read_text()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            assert ast.get_docstring(node), node.name


def test_the_accuracy_is_one_that_a_test_sees() -> None:
    (quoted,) = re.findall(r"([\d.]+) % of (\d+) held-out", README)
    assert float(quoted[0]) >= 97
    assert int(quoted[1]) == 1797 // 5
    (test,) = (ROOT / "tests/examples").glob("test_digits.py")
    assert r"([\d.]+) % of 359 held-out" in test.read_text()
    assert '"README.md"' in test.read_text()


def test_the_config_is_short_and_whole(tmp_path: Path) -> None:
    (block,) = re.findall(r"^```python\n(.*?)^```", README, re.M | re.S)
    assert len(block.splitlines()) <= 20
    (tmp_path / "readme.py").write_text(block)
    loaded = load(tmp_path / "readme.py", static=True)
    assert {"model", "data", "optimizer", "lr_config", "runner"} <= loaded.data.keys()


def test_the_optimizer_is_the_one_of_the_example() -> None:
    (block,) = re.findall(r"^```toml\n(.*?)^```", README, re.M | re.S)
    shown = tomllib.loads(block)["project"]["entry-points"]
    assert (
        shown
        == tomllib.loads((ROOT / "examples/hookloom-signsgd/pyproject.toml").read_text())["project"]["entry-points"]
    )
    assert "core" not in {
        (node.module or "").split(".")[0]
        for node in ast.walk(
            ast.parse((ROOT / "examples/hookloom-signsgd/src/hookloom_signsgd/__init__.py").read_text())
        )
        if isinstance(node, ast.ImportFrom)
    }


@pytest.mark.parametrize("page", ["core", "plugins/optim_extra", "plugins/loggers", "plugins/hooks"])
def test_a_distributions_own_page_names_it(page: str) -> None:
    name = tomllib.loads((ROOT / page / "pyproject.toml").read_text())["project"]["name"]
    assert name in (ROOT / page / "README.md").read_text()


@pytest.mark.parametrize("door", [["-m", "core.run", "--help"], ["-m", "core", "run", "--help"]])
def test_the_doors_are_one(door: list[str], tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, *door], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "usage: hookloom run" in done.stdout
