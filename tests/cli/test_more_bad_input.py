"""Bad input that once did harm: files written over, runs without an end, tracebacks instead of a sentence."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest

from core import Config


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("workflow=[('val',1)]", "workflow: only validates: without a ('train', ...) entry the run would never end"),
        ("workflow=[('train',0)]", "workflow[0][1]: must be positive, got 0"),
        ("workflow=[('trian',1)]", "workflow[0][0]: EpochBasedRunner has no mode 'trian'; did you mean 'train'?"),
        ("log_level=INFOO", "log_level: no level 'INFOO'; did you mean 'INFO'?"),
        ("seed=abc", "seed: expected int or None, got str 'abc'"),
        ("seed=-1", "seed must be a whole number from 0 to 4294967295, got -1"),
        ("data.samples_per_gpu=0", "data.samples_per_gpu: must be at least 1, got 0"),
        ("data.train.sizee=3", "data.train.sizee: unknown key; did you mean 'size'?"),
        ("model=None", "required key 'model' is missing"),
        ("data.train=None", "there is nothing to train on: data.train is not given"),
        ("device=cdua", "device 'cdua' is unknown; cpu, cuda, cuda:N and mps are known"),
        ("plugins.alow=[]", "plugins.alow: unknown key; did you mean 'allow'?"),
        ("total_epochs=5", "total_epochs: is 5, but runner.max_epochs is 3"),
        ("optimizer_config.grad_clip=3", "expected dict or None, got int 3; write dict(max_norm=3)"),
        ("custom_imports.imports=nope", "module 'nope' cannot be imported: ModuleNotFoundError"),
    ],
)
def test_a_sentence_and_exit_code_2(command: Any, option: str, said: str) -> None:
    code, _, err = command("run", "config.py", "--cfg-options", option)
    assert (code, "Traceback" in err) == (2, False), err
    assert said in err


@pytest.mark.parametrize("value", ["config.py", "config.py/below", "/proc/nowhere/w", "/dev/null"])
def test_a_work_dir_that_cannot_be(command: Any, tmp_path: Path, value: str) -> None:
    before = (tmp_path / "config.py").read_bytes()
    code, _, err = command("run", "config.py", "--work-dir", value)
    assert code == 74
    assert err.startswith(f"work_dir '{value}' cannot be written: ")
    assert (tmp_path / "config.py").read_bytes() == before


def test_the_users_own_config_is_not_written_over(command: Any, tmp_path: Path) -> None:
    config = tmp_path / "config.py"
    before = config.read_text()
    assert command("run", "config.py", "--work-dir", ".", "--cfg-options", "runner.max_epochs=1")[0] == 0
    assert config.read_text() == before
    assert Config.fromfile(tmp_path / "config_merged.py").runner.max_epochs == 1
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "config.py").write_text("_base_ = '../config.py'\nrunner = dict(max_epochs=1)\n")
    assert command("run", "sub/config.py", "--work-dir", ".")[0] == 0
    assert config.read_text() == before, "a base is the user's own, too"


def test_evaluating_writes_nothing(command: Any, tmp_path: Path) -> None:
    assert command("run", "config.py", "--work-dir", "w", "--cfg-options", "runner.max_epochs=1")[0] == 0
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if "__pycache__" not in path.parts}
    assert command("run", "config.py", "--test", "w/epoch_1.pth")[0] == 0
    after = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if "__pycache__" not in path.parts}
    assert after == before
    code, _, err = command("run", "config.py", "--test", "w/epoch_1.pth", "--cfg-options", "data.test=None")
    assert code == 2
    assert "data.test" in err


@pytest.mark.parametrize("switch", ["option", "environment", "config"])
@pytest.mark.parametrize("kind", ["allow", "block"])
def test_each_switch_in_each_way(command: Any, tmp_path: Path, monkeypatch: Any, switch: str, kind: str) -> None:
    (tmp_path / "ema.py").write_text("_base_ = 'config.py'\ncustom_hooks = [dict(type='EMAHook')]\n")
    names = "hookloom-hooks" if kind == "block" else "hookloom-loggers"
    arguments = ["run", "ema.py", "--check", "--cfg-options", "seed=4"]
    assert command(*arguments)[0] == 0
    if switch == "option":
        arguments[2:2] = [f"--{kind}-plugins", names]
    elif switch == "environment":
        monkeypatch.setenv(f"HOOKLOOM_{kind.upper()}_PLUGINS", names)
    else:
        arguments.append(f"plugins.{kind}=['{names}']")
    code, out, err = command(*arguments)
    assert code == 2
    assert "'EMAHook' comes from hookloom-hooks 0.1.0, which the plugin switches leave out" in out + err


def test_the_loss_of_a_train_step_must_be_a_scalar(command: Any, tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "steps.py").write_text(
        "import torch, small\n"
        "class Net(small.Net):\n"
        "    def __init__(self, answer):\n"
        "        super().__init__()\n"
        "        self.kind = answer\n"
        "    def train_step(self, data, optimizer):\n"
        "        loss = self(**data)['loss']\n"
        "        answers = {'vector': loss.repeat(3), 'float': loss.item(), 'none': None, 'detached': loss.detach()}\n"
        "        if self.kind == 'bare':\n"
        "            return loss\n"
        "        return dict(loss=answers[self.kind], log_vars={}, num_samples=4)\n"
    )
    monkeypatch.delitem(sys.modules, "steps", raising=False)
    for kind, said in {
        "vector": "the loss must be a scalar tensor, got a tensor of shape (3,)",
        "float": "the loss must be a scalar tensor, got float (",
        "none": "the loss must be a scalar tensor, got NoneType",
        "detached": "the loss does not depend on any parameter that needs a gradient",
        "bare": "Net must answer a step with a dict, got Tensor",
    }.items():
        options = ("model._delete_=True", "model.type=steps.Net", f"model.answer={kind}")
        code, _, err = command("run", "config.py", "--work-dir", "w", "--cfg-options", *options)
        assert code == 1, err
        assert said in err
    assert not list((tmp_path / "w").glob("*.pth"))
    sys.modules.pop("steps", None)


def test_a_killed_worker_leaves_the_last_checkpoint(command: Any, tmp_path: Path) -> None:
    assert command("run", "config.py", "--work-dir", "w", "--cfg-options", "runner.max_epochs=1")[0] == 0
    # The evaluation that comes after this file is made up for, and saves the best weights again.
    before = {path.name: path.read_bytes() for path in (tmp_path / "w").glob("epoch_*.pth")}
    options = ("data.train.kill_at=5", "data.workers_per_gpu=2")
    code, _, err = command("run", "config.py", "--work-dir", "w", "--auto-resume", "--cfg-options", *options)
    assert code == 1, err
    assert re.search(r"a loader worker( of dataset Points)? died: ", err)
    assert {path.name: path.read_bytes() for path in (tmp_path / "w").glob("epoch_*.pth")} == before
    assert command("run", "config.py", "--work-dir", "w", "--auto-resume")[0] == 0, "and the next run goes on"


def test_a_worker_that_dies_while_something_else_goes_on(command: Any, tmp_path: Path) -> None:
    (tmp_path / "murder.py").write_text(
        "import os, signal, time\nclass Murder:\n    def after_train_iter(self, runner):\n"
        "        os.kill(runner.data_loader._iterator._workers[0].pid, signal.SIGKILL)\n        time.sleep(600)\n"
    )
    options = ("custom_hooks.type=murder.Murder", "data.workers_per_gpu=1")
    code, _, err = command("run", "config.py", "--work-dir", "w", "--cfg-options", *options)
    sys.modules.pop("murder", None)
    assert code == 1
    assert re.search(r"^a loader worker died: DataLoader worker \(pid \d+\) is killed by signal: Killed", err, re.M)
    assert "raised by hook Murder (murder) at after_train_iter, epoch 1, iteration 1" in err


def test_a_run_inside_a_hook_ends_both_with_a_sentence(command: Any, tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "nesting.py").write_text(
        "from core import train\nclass Nests:\n    def after_train_epoch(self, runner):\n        train('config.py')\n"
    )
    (tmp_path / "nested.py").write_text("_base_ = 'config.py'\ncustom_hooks = [dict(type='nesting.Nests')]\n")
    code, _, err = command("run", "nested.py", "--work-dir", "w")
    sys.modules.pop("nesting", None)
    assert code == 2, err
    assert "a run is under way in this process; two at a time would disturb each other" in err
    assert "raised by hook Nests (nesting) at after_train_epoch, epoch 1, iteration 4" in err
    assert command("run", "config.py", "--work-dir", "v")[0] == 0
