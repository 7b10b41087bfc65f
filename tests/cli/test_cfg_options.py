"""`--cfg-options` as people type it: nested keys, indices, lists and tuples, texts with commas, what is dropped."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from core.config.loader import load

NET = """\
model = dict(type='Net', depth=18, shape=(3, 4), norm=dict(type='BN'))
optimizer = dict(type='SGD', lr=0.1, momentum=0.9)
lr_config = dict(policy='step', step=[8, 11])
workflow = [('train', 1)]
pipeline = [dict(type='Load', scale=(8, 8)), dict(type='Flip', p=0.5)]
load_from = 'base.pth'
nothing = None
"""


@pytest.fixture
def merged(command: Any, tmp_path: Path) -> Any:
    """Print `net.py` with options and read again what was printed."""
    (tmp_path / "net.py").write_text(NET)

    def call(*options: str) -> dict[str, Any]:
        code, out, err = command("config", "print", "net.py", "--cfg-options", *options)
        assert (code, err) == (0, "")
        (tmp_path / "printed.py").write_text(out)
        return load(tmp_path / "printed.py", static=True).data

    return call


@pytest.mark.parametrize(
    ("option", "path", "value"),
    [
        ("optimizer.lr=0.5", "optimizer.lr", 0.5),
        ("optimizer.lr=1e-3", "optimizer.lr", 0.001),
        ("model.norm.type=SyncBN", "model.norm.type", "SyncBN"),
        ("pipeline.1.p=0.1", "pipeline.1.p", 0.1),
        ("pipeline.0.scale.1=16", "pipeline.0.scale", (8, 16)),
        ("workflow.0.1=5", "workflow", [("train", 5)]),
        ("lr_config.step=[16,22]", "lr_config.step", [16, 22]),
        ("lr_config.step=[16, 22]", "lr_config.step", [16, 22]),
        ("lr_config.step=16,22", "lr_config.step", [16, 22]),
        ("model.shape=(5,6)", "model.shape", (5, 6)),
        ("model.shape=( 5 , 6 )", "model.shape", (5, 6)),
        ("model.shape=(5,)", "model.shape", (5,)),
        ("workflow=[('train', 1), (val, 2)]", "workflow", [("train", 1), ("val", 2)]),
        ("workflow=('train',1),('val',1)", "workflow", [("train", 1), ("val", 1)]),
        ("model.widths=[]", "model.widths", []),
        ("model.names=['a','b']", "model.names", ["a", "b"]),
        ('exp_name="first, second"', "exp_name", "first, second"),
        ("model.names=['a,b', \"c, d\"]", "model.names", ["a,b", "c, d"]),
        ("model.names=['a]', b]", "model.names", ["a]", "b"]),
        ("exp_name=my run", "exp_name", "my run"),
        ("exp_name=Net(a,b)", "exp_name", "Net(a,b)"),
        ("exp_name=a=b", "exp_name", "a=b"),
        ("exp_name=", "exp_name", ""),
        ("optimizer=None", "optimizer", None),
        ("load_from=None", "load_from", None),
        ("model.frozen=true", "model.frozen", True),
        ("model.frozen=False", "model.frozen", False),
        ("model.neck.depth=2", "model.neck", {"depth": 2}),
        ("seed=3", "seed", 3),
        ("optimizer.momentum='0.5'", "optimizer.momentum", 0.5),
    ],
)
def test_what_one_option_sets(merged: Any, tmp_path: Path, option: str, path: str, value: Any) -> None:
    before = load(tmp_path / "net.py").data
    found = merged(option)
    *outer, last = path.split(".")
    level, old = found, before
    for key in outer:
        level = level[int(key)] if isinstance(level, list) else level[key]
        old = (old[int(key)] if isinstance(old, list) else old.get(key, {})) if old else {}
    assert level[last] == value
    assert type(level[last]) is type(value)
    # Everything beside it stays as it was.
    level.pop(last)
    old.pop(last, None)
    assert found == before


def test_dropping_what_is_inherited(merged: Any) -> None:
    found = merged("optimizer._delete_=True", "optimizer.type=Lion", "optimizer.lr=1e-4")
    assert found["optimizer"] == {"type": "Lion", "lr": 1e-4}
    assert merged("optimizer.type=Lion", "optimizer._delete_=True")["optimizer"] == {"type": "Lion"}
    assert merged("pipeline.0._delete_=True", "pipeline.0.type=Pad")["pipeline"][0] == {"type": "Pad"}
    assert merged("nothing._delete_=True", "nothing.here=1")["nothing"] == {"here": 1}


def test_the_last_of_two_options_counts(merged: Any) -> None:
    assert merged("seed=3", "seed=4")["seed"] == 4
    assert merged("model.shape=(1,2)", "--cfg-options", "seed=4")["model"]["shape"] == (1, 2)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            ["optimizer.lr.x=1"],
            "optimizer.lr: is float 0.1, no dict or list: 'x' cannot be set inside it; "
            "optimizer.lr._delete_=True makes a dict of it",
        ),
        (["load_from.name.x=1"], "load_from: is str 'base.pth', no dict or list: 'name' cannot be set inside it"),
        (["nothing.x=1"], "nothing: is None, no dict or list: 'x' cannot be set inside it"),
        (["pipeline.2.p=1"], "pipeline: is a list of 2 items: index 2 is too large"),
        (["pipeline.-1.p=1"], "pipeline: is a list of 2 items: '-1' is no index of it"),
        (["pipeline.type=Load"], "pipeline: is a list of 2 items: 'type' is no index of it"),
        (["model.shape.2=1"], "model.shape: is a tuple of 2 items: index 2 is too large"),
        (["workflow.0.0.x=1"], "workflow[0][0]: is str 'train', no dict or list"),
        (["a=1", "a.b=2"], "a: an option before set it to 1: 'b' cannot be set inside it"),
        (["optimizer..lr=1"], "'optimizer..lr' is no key: nothing stands before or behind a dot in it"),
        ([".lr=1"], "'.lr' is no key"),
    ],
)
def test_a_path_into_what_holds_nothing(command: Any, tmp_path: Path, options: list[str], said: str) -> None:
    (tmp_path / "net.py").write_text(NET)
    for action in (["config", "print"], ["check"]):
        code, out, err = command(*action, "net.py", "--cfg-options", *options)
        assert code == 2
        assert f"  --cfg-options   {said}" in out + err
        assert re.match(r"net\.py: \d+ problems?\n", out + err)


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("seed", "--cfg-options: KEY=VALUE is wanted, got 'seed'"),
        ("=3", "--cfg-options: KEY=VALUE is wanted, got '=3'"),
        ("widths=[1,2", "--cfg-options: widths: the brackets in '[1,2' do not match"),
        ("widths=(1,[2)", "--cfg-options: widths: the brackets in '(1,[2)' do not match"),
    ],
)
def test_what_is_no_option(command: Any, option: str, said: str) -> None:
    code, _, err = command("config", "print", "config.py", "--cfg-options", option)
    assert code == 2
    assert f"error: {said}\n" in err


def test_through_the_shell(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(NET)
    typed = (
        "hookloom config print net.py --format json --cfg-options optimizer.lr=0.5 lr_config.step=[16,22] "
        """model.shape="(5, 6)" 'exp_name="a, b"' pipeline.1.p=.1 load_from=None optimizer.nesterov=True"""
    )
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", typed], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    (tmp_path / "printed.json").write_text(done.stdout)
    found = load(tmp_path / "printed.json").data
    assert found["optimizer"] == {"type": "SGD", "lr": 0.5, "momentum": 0.9, "nesterov": True}
    assert found["lr_config"]["step"] == [16, 22]
    assert found["model"]["shape"] == [5, 6]
    assert found["pipeline"][1] == {"type": "Flip", "p": 0.1}
    assert (found["exp_name"], found["load_from"]) == ("a, b", None)
