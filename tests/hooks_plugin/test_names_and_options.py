"""The package hands on its hooks without importing them early, and the page of hooks names every option."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import small
import torch
from hook_jobs import Judged, job, log_of

import hookloom_hooks
from core import HOOKS
from core.config.signature import signature_of
from core.plugins.catalog import catalog
from core.runner.train import train


class Backboned(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.backbone = small.Net()
        self.head = torch.nn.Linear(1, 1, dtype=torch.float64)

    def forward(self, x: torch.Tensor, y: torch.Tensor, return_loss: bool = True) -> Any:
        out = self.head(self.backbone(x, y, return_loss=False).unsqueeze(-1)).squeeze(-1)
        return {"loss": ((out - y) ** 2).mean()} if return_loss else out


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


def test_the_pages_config_trains(tmp_path: Path) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", PAGE, re.S)
    namespace: dict[str, Any] = {}
    exec(block, namespace)
    config = job(tmp_path, *namespace["custom_hooks"], runner={"type": "EpochBasedRunner", "max_epochs": 7})
    config["model"] = {"type": Backboned}
    config["data"]["val"] = {"type": Judged}
    assert train(config).iter == 21
    assert len(list((tmp_path / "tf_tracing_logs").iterdir())) == 2
    assert "grad_norm/backbone: " in log_of(tmp_path)


def test_the_page_names_every_option_and_no_other() -> None:
    tables = dict(re.findall(r"`?(\w+Hook)`?[^|]*?\n\n?(?:[^|#]*\n)*?(\| option \|.*?)\n\n", PAGE + "\n\n", re.S))
    options = {name: re.findall(r"^\| `(\w+)` \|", table, re.M) for name, table in tables.items()}
    assert options == {name: list(signature_of(HOOKS.get(name)).parameters) for name in hookloom_hooks.__all__}
