"""How the kit is used: exemptions, cases of a distribution, the line for pytest, the command."""

from __future__ import annotations

import json
import subprocess
import sys
import unittest
from pathlib import Path
from typing import Any

import pytest
from installed import forget, install

from core.cli.main import main
from core.errors import OptionError, UnknownComponentError
from core.testing import ConformanceError, check_optimizer, distribution_checks, optimizer_checks, run_checks

CODE = '''
import torch

class SignSGD(torch.optim.Optimizer):
    """Steps by the sign of the gradient."""

    def __init__(self, params, lr=0.1):
        if lr < 0:
            raise ValueError(f"lr must be at least 0, got {lr}")
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self, closure=None):
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    p.sub_(group["lr"] * p.grad.sign())
        return loss

class Twice:
    """Counts."""

    def __init__(self, times):
        self.times = times

    def after_train_iter(self, runner):
        self.times += 1

def cases():
    return CASES
'''
POINTS = """[hookloom.optimizers]
SignSGD = my_dist:SignSGD
[hookloom.hooks]
Twice = my_dist:Twice
[hookloom_conformance]
cases = my_dist:cases
"""


@pytest.fixture
def dist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Install a distribution whose conformance cases are the text that it is called with."""

    def put(cases: str) -> None:
        install(tmp_path, "my-dist", POINTS, CODE.replace("CASES", cases))

    monkeypatch.syspath_prepend(str(tmp_path))
    yield put
    forget()
    sys.modules.pop("my_dist", None)


def outcomes(*, leave_out: str = "compile") -> dict[tuple[str, str], str]:
    checks = [one for one in distribution_checks("my-dist") if one.name != leave_out]
    return {(one.component, one.check): one.outcome for one in run_checks(checks).results}


EXEMPT = '"nan_lr": "nan is taken, for no reason", "sparse": "dense only"'


def test_a_distribution_says_what_its_components_need(dist: Any) -> None:
    dist(f'{{"hooks/Twice": {{"options": {{"times": 0}}}}, "optimizers/SignSGD": {{"exempt": {{{EXEMPT}}}}}}}')
    found = outcomes()
    assert found["SignSGD", "sparse"] == "unneeded"
    assert found["SignSGD", "nan_lr"] == "exempt"
    assert {key for key, outcome in found.items() if outcome == "failed"} == set()
    assert ("Twice", "resume") in found


def test_what_is_needed_and_not_said_is_a_failure(dist: Any) -> None:
    dist("{}")
    (result,) = run_checks([one for one in distribution_checks("my-dist") if one.subject.label == "Twice"]).results
    assert result.outcome == "failed"
    assert result.found == "it needs times: say so under 'hooks/Twice' in the group hookloom_conformance"


def test_a_component_can_be_exempt_from_everything(dist: Any) -> None:
    dist('{"hooks/Twice": {"exempt": {"*": "a joke"}}}')
    (result,) = run_checks([one for one in distribution_checks("my-dist") if one.subject.label == "Twice"]).results
    assert (result.outcome, result.found) == ("exempt", "a joke")


@pytest.mark.parametrize(
    ("cases", "message"),
    [
        ('{"hooks/Twise": {}}', "my-dist: its conformance cases name 'hooks/Twise'; did you mean 'hooks/Twice'?"),
        ('{"hooks/Twice": {"option": {}}}', "no key 'option'; did you mean 'options'?"),
        (
            '{"optimizers/SignSGD": {"exempt": {"sparce": "x"}}}',
            "SignSGD: exempt: there is no check named 'sparce'; did you mean 'sparse'?",
        ),
    ],
)
def test_a_case_with_a_mistake_is_refused(cases: str, message: str, dist: Any, capsys: Any) -> None:
    dist(cases)
    assert main(["plugins", "conform", "my-dist"]) == 2
    assert message in capsys.readouterr().err


def test_an_unknown_distribution_is_suggested(capsys: Any) -> None:
    with pytest.raises(UnknownComponentError, match=r"no distribution 'hookloom-hoks' .* mean 'hookloom-hooks'\?"):
        distribution_checks("hookloom-hoks")
    assert main(["plugins", "conform", "hookloom-hoks"]) == 2


def test_what_cannot_be_imported_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    install(tmp_path, "bad-dist", "[hookloom.hooks]\nGone = bad_dist:Gone\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert main(["plugins", "conform", "Bad_Dist"]) == 1
    assert "'Gone' of bad-dist 1.2 cannot be imported from 'bad_dist:Gone'" in capsys.readouterr().out
    forget()


def test_the_command_prints_a_table(dist: Any, capsys: Any) -> None:
    dist('{"hooks/Twice": {"exempt": {"*": "a joke"}}, "optimizers/SignSGD": {"exempt": {"sparse": "dense only"}}}')
    assert main(["plugins", "conform", "my-dist"]) == 1
    out = capsys.readouterr().out
    head, first, second = out.splitlines()[:3]
    assert head.split() == ["component", "kind", "passed", "failed", "exempt", "unneeded", "skipped"]
    assert first.split() == ["SignSGD", "optimizer", "38", "1", "1", "8"]
    assert second.split() == ["Twice", "hook", "1"]
    rows = [line.split(maxsplit=3) for line in out.splitlines()]
    assert ["SignSGD", "sparse", "unneeded", "it passes, although it is exempt: dense only"] in rows
    assert ["Twice", "usable", "exempt", "a joke"] in rows
    assert ["SignSGD", "nan_lr", "failed", "lr=nan is taken without an error"] in rows
    assert out.splitlines()[-1].startswith("49 checks: ")


def test_a_library_that_is_exempt_has_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    names = ("lib.A", "lib.B", "lib.C", "lib.D", "alone.A")
    points = "[hookloom.hooks]\n" + "".join(f"{name} = my_dist:Twice\n" for name in names)
    reasons = {"lib.A": "not ours", "lib.B": "not ours", "lib.C": "not ours", "lib.D": "slow", "alone.A": "not ours"}
    cases = {f"hooks/{name}": {"exempt": {"*": reason}} for name, reason in reasons.items()}
    install(
        tmp_path,
        "my-dist",
        f"{points}[hookloom_conformance]\ncases = my_dist:cases\n",
        CODE.replace("CASES", str(cases)),
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    try:
        assert main(["plugins", "conform", "my-dist"]) == 0
        out = capsys.readouterr().out.splitlines()
        assert sorted(line.split() for line in out[1:4]) == [
            ["alone.A", "hook", "1"],
            ["lib.*", "(3)", "hook", "3"],
            ["lib.D", "hook", "1"],
        ]
        assert sorted(line.split() for line in out[6:9]) == [
            ["alone.A", "usable", "exempt", "not", "ours"],
            ["lib.*", "(3)", "usable", "exempt", "not", "ours"],
            ["lib.D", "usable", "exempt", "slow"],
        ]
        assert out[-1].startswith("5 checks: ")
        assert main(["plugins", "conform", "my-dist", "--all"]) == 0
        assert "lib.B" in capsys.readouterr().out
    finally:
        forget()
        sys.modules.pop("my_dist", None)


def test_the_command_writes_json(dist: Any, capsys: Any) -> None:
    dist('{"hooks/Twice": {"exempt": {"*": "a joke"}}}')
    main(["plugins", "conform", "my-dist", "--format", "json"])
    written = json.loads(capsys.readouterr().out)
    assert written["name"] == "my-dist"
    assert len(written["results"]) == 49
    assert [one for one in written["results"] if one["outcome"] == "failed"] == [
        {
            "component": "SignSGD",
            "kind": "optimizer",
            "check": "nan_lr",
            "outcome": "failed",
            "expected": "The constructor refuses a learning rate of nan.",
            "found": "lr=nan is taken without an error",
        }
    ]


def test_one_class_is_checked_by_its_path(dist: Any, capsys: Any) -> None:
    dist("{}")
    assert main(["plugins", "conform", "hookloom_hooks:SyncBuffersHook"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split() == ["SyncBuffersHook", "hook", "14", "2"]
    assert main(["plugins", "conform", "my_dist:Twice"]) == 1
    assert "it needs times" in capsys.readouterr().out
    assert main(["plugins", "conform", "my_dist:cases"]) == 2
    assert "my_dist:cases: neither an optimizer nor" in capsys.readouterr().err
    assert main(["plugins", "conform", "my_dist:Thrice"]) == 2


def test_a_check_is_a_test_by_itself() -> None:
    from hookloom_optim_extra import Lion

    checks = {str(check): check for check in optimizer_checks(Lion, exempt={"sparse": "why", "bad_lr": "why"})}
    checks["Lion-lr_zero"]()
    with pytest.raises(unittest.SkipTest, match="does not declare has_modes"):
        checks["Lion-modes"]()
    with pytest.raises(ConformanceError, match="it passes, although it is exempt: why"):
        checks["Lion-bad_lr"]()
    with pytest.raises(OptionError, match="there is no check named 'spars'; did you mean 'sparse'"):
        check_optimizer(Lion, exempt={"spars": ""})


def test_the_line_for_pytest(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(
        "import pytest, torch\n"
        "from core.testing import optimizer_checks, parametrize_with_checks\n"
        "NAMES = ('nan_lr', 'lr_zero', 'modes', 'sparse')\n"
        "CHECKS = optimizer_checks(torch.optim.SGD, exempt={'nan_lr': 'nan is taken', 'sparse': 'not needed'})\n"
        "CHECKS = [check for check in CHECKS if check.name in NAMES]\n"
        "@parametrize_with_checks(CHECKS)\n"
        "def test_conformance(check):\n    check()\n"
        "@pytest.mark.parametrize('check', CHECKS, ids=str)\n"
        "def test_plain(check):\n    check()\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider", "test_mine.py"]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True).stdout
    assert "2 failed, 2 passed, 3 skipped, 1 xfailed" in said
    assert "PASSED test_mine.py::test_conformance[SGD-lr_zero]" in said
    assert "XFAIL test_mine.py::test_conformance[SGD-nan_lr] - nan is taken" in said
    assert "FAILED test_mine.py::test_conformance[SGD-sparse] - [XPASS(strict)] not needed" in said


def test_core_needs_neither_pytest_nor_the_kit(tmp_path: Path) -> None:
    code = (
        "import sys, core, core.cli.main, core.runner.train\n"
        "assert not [name for name in sys.modules if name.startswith('core.testing')]\n"
        "import core.testing\n"
        "core.testing.check_optimizer, core.testing.parametrize_with_checks, dir(core.testing)\n"
        "assert 'pytest' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
