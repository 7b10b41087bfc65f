from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from checked_config import GOOD, Digits, Net

from core.config.converter import check
from core.config.loader import Loaded, load
from core.config.problems import render
from core.config.schema import RunConfig
from core.errors import ConfigError
from core.registries import DATASETS, HOOKS, LR_UPDATERS, MODELS, OPTIMIZER_BUILDERS, OPTIMIZERS, PIPELINES


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
        return load(tmp_path / next(iter(named)), overrides=overrides)

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
        config = loaded(files, overrides)
        try:
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
        return "\n".join(squeezed).replace(f"torch {torch.__version__}", "torch VERSION")

    return make
