"""Components that a config names and that cannot be had: each as one line of the report."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from checked_config import GOOD
from installed import forget, install

from core.plugins import catalog

CHILD = "_base_ = 'base.py'\n"
HOOK = "[hookloom.hooks]\nTwin = {0}:Twin\n"
CODE = "class Twin:\n    def before_run(self, runner):\n        pass\n"


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    yield
    forget()


@pytest.fixture
def hooks(checked: Callable[..., list[str]], tmp_path: Path) -> Callable[..., list[str]]:
    """Check a child whose line 3 holds the hooks."""

    def check(hooks: str, *arguments: str) -> list[str]:
        return checked({"child.py": f"{CHILD}custom_hooks = [\n    {hooks}]\n", "base.py": GOOD}, *arguments)

    return check


def test_a_distribution_that_is_not_installed(checked, hooks, monkeypatch):
    whole = catalog.scan()
    rest = [offer for offer in whole.offers if not offer.provider.distribution.startswith("hookloom-hooks")]
    monkeypatch.setattr("core.plugins.offered.catalog", lambda: catalog.Catalog(tuple(rest)))
    assert hooks("dict(type='EMAHook')") == [
        "child.py:3 custom_hooks[0].type: no hook named 'EMAHook': it comes with hookloom-hooks, which is not "
        "installed; pip install hookloom-hooks (in a checkout: pip install ./plugins/hooks)"
    ]
    assert hooks("dict(type='EMAHok')") == [
        "child.py:3 custom_hooks[0].type: no hook named 'EMAHok'; did you mean 'EMAHook' (hookloom-hooks, not "
        "installed: pip install hookloom-hooks (in a checkout: pip install ./plugins/hooks))?"
    ]


@pytest.mark.parametrize(
    ("arguments", "more"),
    [
        (["--block-plugins", "hookloom-hooks"], ""),
        (["--allow-plugins", ""], ""),
        (["--cfg-options", "plugins.block=[hookloom-hooks]"], ""),
        ([], "plugins = dict(block=['hookloom_hooks'])"),
    ],
)
def test_a_distribution_that_is_blocked(checked, arguments, more):
    child = f"{CHILD}custom_hooks = [\n    dict(type='EMAHook')]\n{more}\n"
    assert checked({"child.py": child, "base.py": GOOD}, *arguments) == [
        "child.py:3 custom_hooks[0].type: hook 'EMAHook' comes from hookloom-hooks 0.1.0, which the plugin switches "
        "leave out"
    ]


def test_a_distribution_that_is_broken(hooks, tmp_path):
    install(tmp_path, "bad-twin", HOOK.format("bad_twin"), "raise OSError('no licence')\n")
    assert hooks("dict(type='Twin'), dict(type='Tiwn')") == [
        "child.py:3 custom_hooks[0].type: 'Twin' of bad-twin 1.2 cannot be imported from 'bad_twin:Twin': "
        "OSError: no licence",
        "child.py:3 custom_hooks[1].type: no hook named 'Tiwn'; did you mean 'Twin' (bad-twin 1.2)?",
    ]


def test_a_distribution_for_another_version_of_core(hooks, tmp_path):
    install(tmp_path, "new-twin", HOOK.format("new_twin"), CODE, requires="hookloom-core>=9")
    assert hooks("dict(type='Twin')") == [
        "child.py:3 custom_hooks[0].type: 'Twin' of new-twin 1.2 cannot be used: the distribution asks for "
        "hookloom-core>=9 and 0.1.0 is installed"
    ]


def test_a_name_of_two_distributions(hooks, tmp_path):
    install(tmp_path, "left-twin", HOOK.format("left_twin"), CODE)
    install(tmp_path, "right-twin", HOOK.format("right_twin"), CODE)
    assert hooks("dict(type='Twin'), dict(type='right-twin/Twin')") == [
        "child.py:3 custom_hooks[0].type: hook 'Twin' is offered by left-twin 1.2 and right-twin 1.2; "
        "write 'left-twin/Twin' or 'right-twin/Twin'"
    ]
    assert hooks("dict(type='right-twin/Twn')") == [
        "child.py:3 custom_hooks[0].type: distribution 'right-twin' offers no hook 'Twn'; "
        "did you mean 'right-twin/Twin'?"
    ]


@pytest.mark.parametrize(
    ("type_", "said"),
    [
        ("'TextLoggerHok'", "no hook named 'TextLoggerHok'; did you mean 'TextLoggerHook' (hookloom-core 0.1.0)?"),
        ("'SGD'", "no hook named 'SGD'; registry 'optimizers' has one: it is an optimizer"),
        ("'torch.nn.Liner'", "module 'torch.nn' has no 'Liner'; did you mean 'Linear'?"),
        ("'nowhere.Hook'", "'nowhere.Hook' cannot be imported: No module named 'nowhere'"),
        ("'torch.pi'", "'torch.pi' is a float, no class or function"),
        ("3", "type must be a name, a class or a function, got 3"),
        ("None", "type must be a name, a class or a function, got None"),
    ],
)
def test_a_type_that_names_nothing(hooks, type_, said):
    assert hooks(f"dict(type={type_})") == [f"child.py:3 custom_hooks[0].type: {said}"]


def test_a_type_that_nothing_registers(checked):
    lines = checked("model = dict(type='torch.nn.Identity')\ndata = dict(train=dict(type='Digitz', root='x'))\n")
    assert lines[-1].startswith("lenet.py:2 data.train.type: no dataset named 'Digitz'; did you mean 'Digits'")


def test_two_hooks_and_a_misspelt_point(checked, tmp_path):
    code = (
        "from core import HOOKS\n\n\n@HOOKS.register_module()\nclass Late:\n"
        "    def after_tarin_epoch(self, runner): ...\n    def before_iters(self, runner): ...\n"
    )
    child = f"{CHILD}custom_imports = dict(imports='late')\ncustom_hooks = dict(type='Late', priority='LATE')\n"
    assert checked({"child.py": child, "base.py": GOOD, "late.py": code}) == [
        "child.py:3 custom_hooks.type: Late.after_tarin_epoch is no hook point and would never run; "
        "did you mean 'after_train_epoch'?",
        "child.py:3 custom_hooks.type: Late.before_iters is no hook point and would never run; "
        "did you mean 'before_iter'?",
        "child.py:3 custom_hooks.priority: no priority is named 'LATE'; known are HIGHEST, VERY_HIGH, HIGH, "
        "ABOVE_NORMAL, NORMAL, BELOW_NORMAL, LOW, VERY_LOW, LOWEST",
    ]
