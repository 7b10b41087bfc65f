"""Names that several distributions offer, packages that cannot be used, and what the `plugins` command says of them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from core.cli.main import main
from core.errors import AmbiguousComponentError, BrokenComponentError, RegistryError, UnknownComponentError
from core.plugins.missing import FIRST_PARTY
from core.plugins.switches import Switches, switched
from core.registries import HOOKS, LR_UPDATERS, MODELS, MOMENTUM_UPDATERS, OPTIMIZERS
from core.registry import Registry, build_from_cfg

ADAMW = "import torch\nclass AdamW(torch.optim.SGD):\n    '''Not what it says.'''\n"


def rows(out: str) -> list[list[str]]:
    return [line.split() for line in out.splitlines()[1:]]


def test_the_names_of_torch_are_reserved(installed: Any) -> None:
    installed("adam-pkg", "[hookloom.optimizers]\nAdamW = adam_pkg:AdamW\n", ADAMW)
    assert OPTIMIZERS.resolve("AdamW").target is torch.optim.AdamW
    other = OPTIMIZERS.resolve("adam-pkg/AdamW")
    assert other.target.__module__ == "adam_pkg"
    assert str(other.provider) == "adam-pkg 1.2"
    assert OPTIMIZERS.get("AdamW") is torch.optim.AdamW
    made = build_from_cfg({"type": "Adam_Pkg/AdamW", "params": [torch.zeros(1)], "lr": 0.1}, OPTIMIZERS)
    assert type(made).__module__ == "adam_pkg"


def test_a_plugin_beside_core_is_ambiguous_by_its_bare_name_alone(installed: Any, capsys: Any) -> None:
    installed("step-pkg", "[hookloom.lr_updaters]\nStep = step_pkg:Step\n", "class Step: ...\n")
    for name in ("step", "STEP", "Step"):
        with pytest.raises(AmbiguousComponentError, match=r"hookloom-core 0\.1\.0") as caught:
            LR_UPDATERS.resolve(name)
        assert "step-pkg 1.2" in str(caught.value)
        ways = str(caught.value).partition("; write ")[2].split(" or ")
        assert sorted(ways) == ["'hookloom-core/step'", "'step-pkg/Step'"]
    assert LR_UPDATERS.resolve("step-pkg/step").target.__module__ == "step_pkg"
    assert LR_UPDATERS.resolve("hookloom-core/step").target.__name__ == "StepLrUpdaterHook"
    assert LR_UPDATERS.resolve("poly").target.__name__ == "PolyLrUpdaterHook"
    with switched(Switches(allow=[])):
        assert LR_UPDATERS.resolve("step").target.__name__ == "StepLrUpdaterHook"
    assert main(["plugins", "doctor"]) == 1
    (row,) = rows(capsys.readouterr().out)
    assert "lr_updaters" in row
    ways = " ".join(row).partition("offered twice; write ")[2].split(" or ")
    assert sorted(ways) == ["hookloom-core/step", "step-pkg/Step"]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("raise OSError('no licence')\n", "OSError: no licence"),
        ("import sys\nsys.exit('needs a GPU')\n", "SystemExit: needs a GPU"),
        ("import nothing_of_that_name\n", "ModuleNotFoundError: No module named 'nothing_of_that_name'"),
        ("class Other: ...\n", "AttributeError: module 'bad_pkg' has no attribute 'Bad'"),
        ("def broken(:\n", "SyntaxError: invalid syntax (bad_pkg.py, line 1)"),
    ],
)
def test_a_package_that_fails_on_import(installed: Any, capsys: Any, code: str, said: str) -> None:
    installed("bad-pkg", "[hookloom.hooks]\nBad = bad_pkg:Bad\n", code)
    with pytest.raises(BrokenComponentError) as caught:
        HOOKS.resolve("Bad")
    assert str(caught.value) == f"'Bad' of bad-pkg 1.2 cannot be imported from 'bad_pkg:Bad': {said}"
    assert caught.value.__cause__ is not None
    assert HOOKS.resolve("EMAHook").provider.distribution == "hookloom-hooks"
    assert main(["plugins", "list", "hooks"]) == 0
    assert ["hooks", "Bad", "bad-pkg", "1.2"] in rows(capsys.readouterr().out)
    assert main(["plugins", "info", "Bad"]) == 2
    assert said in capsys.readouterr().err
    assert main(["plugins", "info", "EMAHook"]) == 0
    capsys.readouterr()
    assert main(["plugins", "doctor"]) == 1
    (row,) = rows(capsys.readouterr().out)
    assert row[:4] == ["bad-pkg", "1.2", "hooks", "Bad"]
    assert said in " ".join(row)


def test_something_that_is_no_component(installed: Any) -> None:
    installed("odd-pkg", "[hookloom.models]\nOdd = odd_pkg:ODD\n", "ODD = 3\n")
    with pytest.raises(UnknownComponentError, match=r"'Odd' of odd-pkg 1\.2 is a int, no class or function"):
        MODELS.resolve("Odd")


@pytest.mark.parametrize(
    ("requires", "usable"),
    [
        ("hookloom-core>=9", False),
        ("hookloom_core<0.1", False),
        ("Hookloom.Core==0.1.0", True),
        ("hookloom-core>=0.1,<1", True),
        ("hookloom-core>=9; python_version < '3'", True),
    ],
)
def test_the_declared_range_of_core(installed: Any, requires: str, usable: bool) -> None:
    installed("late-pkg", "[hookloom.hooks]\nLate = late_pkg:Late\n", "class Late: ...\n", requires)
    if usable:
        assert HOOKS.resolve("Late").target.__name__ == "Late"
        return
    with pytest.raises(BrokenComponentError, match=r"the distribution asks for .* and 0\.1\.0 is installed"):
        HOOKS.resolve("Late")
    assert "late_pkg" not in sys.modules


def test_the_first_of_two_installations_counts(installed: Any, tmp_path: Path, monkeypatch: Any) -> None:
    installed("same-pkg", "[hookloom.hooks]\nSame = same_pkg:Same\n", "class Same: ...\n")
    behind = tmp_path / "behind" / "same_pkg-0.9.dist-info"
    behind.mkdir(parents=True)
    (behind / "METADATA").write_text("Metadata-Version: 2.1\nName: same-pkg\nVersion: 0.9\n")
    (behind / "entry_points.txt").write_text("[hookloom.hooks]\nSame = same_pkg:Same\n")
    monkeypatch.setattr(sys, "path", [*sys.path, str(behind.parent)])
    assert str(HOOKS.resolve("Same").provider) == "same-pkg 1.2"


def test_provider_without_an_import(installed: Any) -> None:
    installed("lazy-pkg", "[hookloom.hooks]\nLazy = lazy_pkg:Lazy\n", "raise OSError\n")
    assert str(HOOKS.provider("Lazy")) == "lazy-pkg 1.2"
    assert str(HOOKS.provider("lazy-pkg/Lazy".partition("/")[2])) == "lazy-pkg 1.2"
    assert "Lazy" in HOOKS.names()
    assert "lazy_pkg" not in sys.modules
    with pytest.raises(UnknownComponentError):
        HOOKS.provider("Nobody")


def test_a_sound_installation_is_reported(capsys: Any) -> None:
    assert main(["plugins", "doctor"]) == 0
    assert capsys.readouterr().out.rstrip().endswith("distributions: all can be used")


def test_the_list_stands_in_columns_and_tells_what_is_switched_off(capsys: Any, monkeypatch: Any) -> None:
    assert main(["plugins", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["registry", "name", "provider", "version"]
    assert [row for row in map(str.split, lines) if "torch.*" in row] == [
        ["optimizers", "torch.*", "hookloom-core", "0.1.0"]
    ]
    monkeypatch.setenv("HOOKLOOM_BLOCK_PLUGINS", "hookloom-hooks")
    assert main(["plugins", "list", "hooks"]) == 0
    off = {row[1] for row in rows(capsys.readouterr().out) if row[-2:] == ["switched", "off"]}
    assert off == {name for name, provider in FIRST_PARTY["hooks"].items() if provider == "hookloom-hooks"}


def test_info_of_every_kind_of_name(capsys: Any) -> None:
    for name, said in {
        "AdamW": "AdamW: optimizer of torch 2.",
        "hookloom-optim-extra/Lion": "Lion: optimizer of hookloom-optim-extra 0.1.0",
        "torch.nn.Linear": "torch.nn.Linear: model of torch 2.",
        "step": "step: LR policy of hookloom-core 0.1.0",
    }.items():
        assert main(["plugins", "info", name]) == 0, name
        assert said in capsys.readouterr().out
    for name in ("nowhere.Net", "torch.nn.Lineer", "hookloom-hooks/Nothing", "Nothing"):
        assert main(["plugins", "info", name]) == 2, name
        assert capsys.readouterr().err.count("\n") == 1
    assert main(["plugins", "list", "hoks"]) == 2
    assert main(["plugins"]) == 2


def test_registering_in_every_form() -> None:
    registry = Registry("things", scope="here")

    @registry.register_module
    class Bare: ...

    @registry.register_module(name=("One", "Two"))
    class Named: ...

    @registry.register_module()
    def function() -> str:
        return "made"

    assert registry.names() == ["Bare", "function", "One", "Two"]
    assert len(registry) == 4
    assert registry.module_dict["One"] is registry.module_dict["Two"] is Named
    assert registry.build({"type": "function"}) == "made"
    assert isinstance(registry.build({"type": Bare}), Bare)
    with pytest.raises(TypeError, match="name must be a text, several texts or None, got int"):
        registry.register_module(name=5)
    with pytest.raises(RegistryError, match="a class or function under a text is wanted"):
        registry.register_module("three", module=3)  # type: ignore[arg-type]
    with pytest.raises(RegistryError, match=r"thing.*'One' is already registered.*force=True"):
        registry.register_module("One", module=Bare)
    assert registry.get("One") is Named, "a refusal changes nothing"
    assert registry.register_module("One", True, Bare) is Bare
    assert registry.get("One") is Bare


def test_siblings_are_found_through_the_root() -> None:
    root = Registry("things", scope="root")
    one, two = Registry("things", parent=root, scope="one"), Registry("things", parent=root, scope="two")
    one.register_module("Box", module=dict)
    assert two.resolve("one.Box").target is dict
    assert one.resolve("one.Box").target is dict
    assert root.resolve("one.Box").target is dict
    with pytest.raises(UnknownComponentError, match="Box"):
        two.resolve("Box")
    with pytest.raises(RegistryError, match="a child of scope 'one' already"):
        Registry("things", parent=root, scope="one")


def test_policies_and_updater_hooks_are_one_thing() -> None:
    @HOOKS.register_module()
    class WavyMomentumUpdaterHook: ...

    assert MOMENTUM_UPDATERS.resolve("Wavy").target is WavyMomentumUpdaterHook
    assert HOOKS.resolve("FixedLrUpdaterHook").target is LR_UPDATERS.resolve("FIXED").target
    with pytest.raises(UnknownComponentError, match="no LR policy named 'Wavy'"):
        LR_UPDATERS.resolve("Wavy")


def test_import_paths_and_their_mistakes(tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "paths_pkg.py").write_text(
        "class Outer:\n    class Inner: ...\n    @staticmethod\n    def make(): return 'made'\nVALUE = 3\n"
    )
    (tmp_path / "raises_pkg.py").write_text("1 / 0\n")
    (tmp_path / "needs_pkg.py").write_text("import not_there_at_all\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    for path in ("paths_pkg.Outer.Inner", "paths_pkg:Outer.Inner"):
        assert MODELS.resolve(path).target.__name__ == "Inner"
    assert MODELS.build({"type": "paths_pkg.Outer.make"}) == "made"
    with pytest.raises(UnknownComponentError, match=r"'paths_pkg\.VALUE' is a int, no class or function"):
        MODELS.resolve("paths_pkg.VALUE")
    with pytest.raises(BrokenComponentError, match="ZeroDivisionError: division by zero"):
        MODELS.resolve("raises_pkg.Net")
    with pytest.raises(BrokenComponentError, match="No module named 'not_there_at_all'"):
        MODELS.resolve("needs_pkg:Net")
    with pytest.raises(UnknownComponentError, match=r"no model named 'not an\.identifier'"):
        MODELS.resolve("not an.identifier")
    with pytest.raises(UnknownComponentError, match="type must be a name, a class or a function, got 3"):
        MODELS.resolve(3)  # type: ignore[arg-type]
