"""How a `type` becomes a component: names, providers, paths, objects, and everything that can go wrong."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from core.cli.main import main
from core.errors import (
    AmbiguousComponentError,
    BlockedComponentError,
    BrokenComponentError,
    RegistryError,
    UnknownComponentError,
)
from core.plugins import catalog as catalog_module
from core.plugins.switches import Switches, switched
from core.registries import DATASETS, HOOKS, LR_UPDATERS, MODELS, OPTIMIZERS
from core.registry import Registry, build_from_cfg


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    registries = (DATASETS, HOOKS, MODELS, OPTIMIZERS)
    before = [dict(registry._local) for registry in registries]
    yield
    for registry, local in zip(registries, before, strict=True):
        registry._local = local
    catalog_module.catalog.cache_clear()


@pytest.fixture
def distribution(tmp_path: Path, monkeypatch: Any) -> Any:
    """Install a distribution: metadata and one module, in a folder on the path."""
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])

    def install(name: str, points: str, code: str, requires: str = "") -> None:
        info = tmp_path / f"{name.replace('-', '_')}-1.2.dist-info"
        info.mkdir()
        needs = f"Requires-Dist: {requires}\n" if requires else ""
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n{needs}")
        (info / "entry_points.txt").write_text(points)
        (tmp_path / f"{name.replace('-', '_')}.py").write_text(code)
        catalog_module.catalog.cache_clear()

    return install


def test_ways_to_name_a_component() -> None:
    assert OPTIMIZERS.resolve("SGD").target is torch.optim.SGD
    assert OPTIMIZERS.resolve("SGD").provider.distribution == "torch"
    assert OPTIMIZERS.resolve("torch/AdamW").target is torch.optim.AdamW
    lion = OPTIMIZERS.resolve("hookloom-optim-extra/Lion").target
    assert lion.__name__ == "Lion"
    assert OPTIMIZERS.resolve("Lion").target is lion
    assert str(OPTIMIZERS.provider("Lion")) == "hookloom-optim-extra 0.1.0"
    assert MODELS.resolve("torch.nn.Linear").target is torch.nn.Linear
    assert MODELS.resolve("torch.nn:Linear").target is torch.nn.Linear
    assert MODELS.resolve(torch.nn.Linear).target is torch.nn.Linear
    assert LR_UPDATERS.resolve("COSINEannealing").target.__name__ == "CosineAnnealingLrUpdaterHook"
    assert HOOKS.resolve("StepLrUpdaterHook").target is LR_UPDATERS.resolve("step").target


def test_registering() -> None:
    @MODELS.register_module()
    class First: ...

    assert MODELS.get("First") is First
    assert "First" in MODELS
    again = type("First", (), {"__module__": First.__module__, "__qualname__": First.__qualname__})
    MODELS.register_module(module=again)
    assert MODELS.get("First") is again, "the same cell of a notebook replaces"
    with pytest.raises(RegistryError, match=r"model 'First' is already registered, by .*force=True"):
        MODELS.register_module("First", module=dict)
    MODELS.register_module("First", force=True, module=dict)
    assert MODELS.get("First") is dict
    MODELS.register_module(name=["A", "B"], module=set)
    assert MODELS.get("A") is MODELS.get("B") is set
    assert MODELS.get("nobody") is None
    for registry, name in ((OPTIMIZERS, "AdamW"), (HOOKS, "CheckpointHook")):
        with pytest.raises(KeyError, match="already registered"):
            registry.register_module(name, module=dict)


def test_a_policy_registered_as_a_hook() -> None:
    @HOOKS.register_module()
    class WavyLrUpdaterHook: ...

    assert LR_UPDATERS.resolve("wavy").target is WavyLrUpdaterHook


def test_scopes() -> None:
    parent = Registry("things", scope="parent")
    child = Registry("things", parent=parent, scope="child")
    child.register_module("Box", module=dict)
    parent.register_module("Bag", module=set)
    assert parent.resolve("child.Box").target is dict
    assert child.resolve("Bag").target is set
    with pytest.raises(UnknownComponentError):
        parent.resolve("Box")


def test_building() -> None:
    config = {"type": "torch.nn.Linear", "in_features": 3}
    assert build_from_cfg(config, MODELS, {"out_features": 2}).weight.shape == (2, 3)
    assert config == {"type": "torch.nn.Linear", "in_features": 3}
    with pytest.raises(KeyError, match="needs the key 'type'"):
        MODELS.build({})
    with pytest.raises(TypeError, match="nope") as caught:
        MODELS.build({"type": "torch.nn.Linear", "nope": 1})
    assert "while building model 'torch.nn.Linear' (torch 2." in caught.value.__notes__[0]


@pytest.mark.parametrize(
    ("registry", "name", "said"),
    [
        (HOOKS, "TensorbordLoggerHook", "did you mean 'TensorboardLoggerHook' (hookloom-loggers 0.1.0)?"),
        (OPTIMIZERS, "AdmaW", "did you mean 'AdamW' (torch 2."),
        (OPTIMIZERS, "EMAHook", "registry 'hooks' has one: it is a hook"),
        (MODELS, "torch.nn.Lineer", "module 'torch.nn' has no 'Lineer'; did you mean 'Linear'?"),
        (MODELS, "nowhere.to.Be", "No module named 'nowhere'"),
        (HOOKS, "hookloom-hooks/EMAHok", "did you mean 'hookloom-hooks/EMAHook'?"),
    ],
)
def test_not_found(registry: Registry, name: str, said: str) -> None:
    with pytest.raises(UnknownComponentError) as caught:
        registry.resolve(name)
    assert said in str(caught.value)


def test_first_party_component_that_is_not_installed(monkeypatch: Any) -> None:
    whole = catalog_module.scan()
    rest = [offer for offer in whole.offers if offer.provider.distribution != "hookloom-hooks"]
    monkeypatch.setattr("core.plugins.offered.catalog", lambda: catalog_module.Catalog(tuple(rest)))
    with pytest.raises(UnknownComponentError) as caught:
        HOOKS.resolve("EMAHook")
    assert "it comes with hookloom-hooks, which is not installed; pip install hookloom-hooks" in str(caught.value)


def test_broken_package_hurts_only_who_names_it(distribution: Any, capsys: Any) -> None:
    distribution("bad-pkg", "[hookloom.hooks]\nBadHook = bad_pkg:BadHook\n", "raise OSError('no licence')\n")
    assert HOOKS.resolve("EMAHook")
    assert "BadHook" in HOOKS.names()
    assert "bad_pkg" not in sys.modules
    with pytest.raises(BrokenComponentError) as caught:
        HOOKS.resolve("BadHook")
    assert (
        str(caught.value) == "'BadHook' of bad-pkg 1.2 cannot be imported from 'bad_pkg:BadHook': OSError: no licence"
    )
    assert isinstance(caught.value.__cause__, OSError)
    assert main(["plugins", "doctor"]) == 1
    assert "bad-pkg 1.2" in capsys.readouterr().out


def test_two_providers_of_one_name(distribution: Any, capsys: Any) -> None:
    distribution("one-pkg", "[hookloom.hooks]\nSame = one_pkg:Same\n", "class Same: ...\n")
    distribution("two-pkg", "[hookloom.hooks]\nSame = two_pkg:Same\n", "class Same: ...\n")
    assert HOOKS.resolve("EMAHook")
    with pytest.raises(AmbiguousComponentError) as caught:
        HOOKS.resolve("Same")
    assert "one-pkg 1.2" in str(caught.value)
    assert "'two-pkg/Same'" in str(caught.value)
    assert HOOKS.resolve("one_pkg/Same").provider.distribution == "one-pkg"
    with switched(Switches(block=["two-pkg"])):
        assert HOOKS.resolve("Same").provider.distribution == "one-pkg"
    assert main(["plugins", "doctor"]) == 1
    assert "offered twice" in capsys.readouterr().out


def test_core_range_is_checked(distribution: Any) -> None:
    code = "class Late: ...\n"
    distribution("late-pkg", "[hookloom.hooks]\nLate = late_pkg:Late\n", code, "hookloom-core>=9")
    with pytest.raises(BrokenComponentError, match=r"asks for hookloom-core>=9 and 0\.1\.0 is installed"):
        HOOKS.resolve("Late")


def test_unreadable_metadata_is_a_row_of_the_doctor(distribution: Any, tmp_path: Path) -> None:
    distribution("odd-pkg", "[hookloom.hooks]\nOdd = odd_pkg:Odd\n", "class Odd: ...\n")
    (tmp_path / "odd_pkg-1.2.dist-info" / "METADATA").unlink()
    catalog_module.catalog.cache_clear()
    assert HOOKS.resolve("EMAHook")


def test_switches() -> None:
    with switched(Switches(allow=[])):
        assert HOOKS.resolve("CheckpointHook")
        with pytest.raises(BlockedComponentError, match="hookloom-hooks"):
            HOOKS.resolve("EMAHook")
        with switched(Switches(allow=["Hookloom_Hooks"])):
            assert HOOKS.resolve("EMAHook")


def test_list_and_info(capsys: Any) -> None:
    assert main(["plugins", "list", "optimizers"]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert ["optimizers", "Lion", "hookloom-optim-extra", "0.1.0"] in [row.split() for row in rows]
    assert main(["plugins", "info", "Lion"]) == 0
    assert "optimizer of hookloom-optim-extra 0.1.0" in capsys.readouterr().out
    assert main(["plugins", "info", "Loin"]) == 2
    assert "did you mean 'Lion'?" in capsys.readouterr().err
