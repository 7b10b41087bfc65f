"""The package hands on every component it has an entry point for, without importing it early."""

from __future__ import annotations

import subprocess
import sys

import hookloom_optim_extra
from core import LR_UPDATERS, MOMENTUM_UPDATERS, OPTIMIZER_BUILDERS, OPTIMIZERS
from core.plugins.catalog import catalog


def test_every_entry_point_is_a_name_of_the_package() -> None:
    offered = {
        getattr(hookloom_optim_extra, registry.resolve(offer.name).target.__name__)
        for registry in (OPTIMIZERS, OPTIMIZER_BUILDERS, LR_UPDATERS, MOMENTUM_UPDATERS)
        for offer in catalog().of(registry.name)
        if offer.provider.distribution == "hookloom-optim-extra" and "." not in offer.name
    }
    assert {target.__name__ for target in offered} == set(hookloom_optim_extra.__all__)


def test_importing_the_package_imports_none_of_them() -> None:
    code = "import hookloom_optim_extra, sys; print('torch' in sys.modules, dir(hookloom_optim_extra) != [])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["False", "True"]
