from __future__ import annotations

import importlib.metadata
import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from checked_config import GOOD, Digits, Net

from core.cli.main import main
from core.config.converter import check
from core.config.loader import Loaded, load
from core.config.problems import render
from core.config.schema import RunConfig
from core.errors import ConfigError
from core.registries import DATASETS, HOOKS, LR_UPDATERS, MODELS, OPTIMIZER_BUILDERS, OPTIMIZERS, PIPELINES

TORCH = importlib.metadata.version("torch")  # of which torch itself may say more, such as +cpu


@pytest.fixture(autouse=True)
def own_components(monkeypatch: pytest.MonkeyPatch) -> None:
    for registry in (DATASETS, HOOKS, LR_UPDATERS, MODELS, OPTIMIZERS, OPTIMIZER_BUILDERS, PIPELINES):
        monkeypatch.setattr(registry, "_local", dict(registry._local))
    MODELS.register_module(module=Net)
    DATASETS.register_module(module=Digits)


@pytest.fixture
def loaded(tmp_path: Path) -> Callable[..., Loaded]:
    """Write files and load the first."""

    def write(files: str | Mapping[str, str], overrides: Mapping[str, Any] | None = None) -> Loaded:
        named = {"lenet.py": files} if isinstance(files, str) else files
        for name, text in named.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return load(tmp_path / next(iter(named)), overrides=overrides, tolerant=True)

    return write


@pytest.fixture
def run_config(loaded: Callable[..., Loaded]) -> Callable[..., RunConfig]:
    """Write files and return the checked config of the first, which has neither errors nor warnings."""

    def make(files: str | Mapping[str, str], overrides: Mapping[str, Any] | None = None) -> RunConfig:
        config, warnings = check(loaded(files, overrides))
        assert warnings == []
        return config

    return make


@pytest.fixture
def report(loaded: Callable[..., Loaded]) -> Callable[..., str]:
    """Write files and return the lines of the first one's report, without the heading's name."""

    def make(files: str | Mapping[str, str], overrides: Mapping[str, Any] | None = None, **options: Any) -> str:
        try:
            config = loaded(files, overrides)
            _, warnings = check(config, **options)
        except ConfigError as error:
            return str(error)
        return render(warnings, config.filename)

    return make


@pytest.fixture
def problems(report: Callable[..., str]) -> Callable[..., str]:
    """Change one piece of a good config and return what is then reported, line by line."""

    def make(old: str, new: str, **options: Any) -> str:
        assert GOOD.count(old) == 1
        text = report(GOOD.replace(old, new), **options)
        heading, _, lines = text.partition("\n")
        assert heading.startswith("lenet.py: ")
        # One space between place and text, and no version of torch.
        squeezed = (re.sub(r"^(\S+:\d+) +", r"\1 ", line.strip()) for line in lines.splitlines())
        return "\n".join(squeezed).replace(f"torch {TORCH}", "torch VERSION")

    return make


@pytest.fixture
def checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., list[str]]]:
    """Write files and return the lines that `hookloom check` prints of the first, which its JSON must agree with."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)

    def run(files: str | Mapping[str, str], *arguments: str) -> list[str]:
        named = {"lenet.py": files} if isinstance(files, str) else files
        for name, text in named.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        command = ["check", next(iter(named)), *arguments]
        code = main(command)
        heading, *lines = capsys.readouterr().out.replace(f"torch {TORCH}", "torch VERSION").splitlines()
        assert code == (2 if re.search(r"\d problem", heading) else 0)
        assert main([*command, "--format", "json"]) == code
        rows = json.loads(capsys.readouterr().out)["problems"]
        assert len(rows) == len(lines)
        for row, line in zip(rows, lines, strict=True):
            _agree(row, line, tmp_path)
        assert heading.startswith(f"{next(iter(named))}: ")
        # One space between place and text.
        return [re.sub(r"^(\S+:\d+|--cfg-options) +", r"\1 ", line.strip()) for line in lines]

    yield run
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None)).startswith(f"{tmp_path}/"):
            del sys.modules[name]


def _agree(row: Mapping[str, Any], line: str, folder: Path) -> None:
    if row["file"] == "--cfg-options":
        assert line.lstrip().startswith("--cfg-options ")
    elif row["file"]:
        assert line.lstrip().startswith(f"{Path(row['file']).relative_to(folder)}:{row['line']} ")
    assert (" warning: " in line) == (row["severity"] == "warning")
    assert row["key"] in line
    for part in (row["message"].replace(f"torch {TORCH}", "torch VERSION"), row["expected"], row["hint"]):
        assert part is None or part in line
    assert row["found"] is None or row["expected"] is None or f"got {row['found']}" in line
    assert (f"did you mean {row['suggestion']!r}" in line) == (row["suggestion"] is not None)
    before = row["overrides"]
    shown = before and f" (overrides {Path(before['file']).relative_to(folder)}:{before['line']})"
    assert line.endswith(shown) if shown else " (overrides " not in line
