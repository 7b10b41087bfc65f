"""Files that cannot be read or merged: everything else is checked all the same, in the same report."""

from __future__ import annotations

import json

import pytest
from checked_config import GOOD

from core.cli.check import check
from core.cli.main import main
from core.config.config import Config
from core.errors import ConfigError

BASE = GOOD


def test_a_base_that_does_not_exist(checked, tmp_path):
    child = "_base_ = [\n    'base.py',\n    'nowhere.py']\n"
    assert checked({"child.py": child, "base.py": BASE}) == [
        f"child.py:3 _base_: file '{tmp_path}/nowhere.py' does not exist"
    ]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("bse.py", "; did you mean 'base.py'?"),
        ("_bsae_/schedules/sgd.py", "; did you mean '_base_/schedules/sgd.py'?"),
        ("_base_/schedule/sdg.py", "; did you mean '_base_/schedules/sgd.py'?"),
        ("elsewhere/base.py", ""),
        ("base.py_base_/schedules/sgd.py", "; is a comma missing between two names?"),
    ],
)
def test_the_file_that_was_meant(checked, tmp_path, name, meant):
    files = {"child.py": f"_base_ = '{name}'\n", "base.py": BASE, "_base_/schedules/sgd.py": "seed = 1\n"}
    assert checked(files) == [f"child.py:1 _base_: file '{tmp_path}/{name}' does not exist{meant}"]


def test_the_base_of_a_base_is_placed_in_it(checked, tmp_path):
    files = {"child.py": "_base_ = 'sub/middle.py'\n", "sub/middle.py": "seed = 1\n_base_ = './bas.py'\n"}
    assert checked({**files, "sub/base.py": BASE}) == [
        f"sub/middle.py:2 _base_: file '{tmp_path}/sub/bas.py' does not exist; did you mean 'base.py'?"
    ]


def test_all_files_that_cannot_be_read_and_all_that_is_wrong_in_the_others(checked, tmp_path):
    files = {
        "child.py": "_base_ = ['one.py', 'two.yaml', 'three.py', 'four.json', 'base.py']\nseeed = 1\n"
        "optimizer = dict(lr='high')\n",
        "one.py": "x = dict(a=1 b=2)\n",
        "two.yaml": "a: [1, 2\nb: 3\n",
        "four.json": '{"a": 1,\n "b" 2}\n',
        "base.py": BASE.replace("save_best='accuracy'", "save_bst='accuracy'"),
    }
    assert checked(files) == [
        "one.py:1 syntax error: invalid syntax. Perhaps you forgot a comma?: x = dict(a=1 b=2)",
        "two.yaml:2 no YAML: did not find expected ',' or ']'",
        "four.json:2 no JSON: ':' is wanted",
        f"child.py:1 _base_: file '{tmp_path}/three.py' does not exist",
        "child.py:3 optimizer.lr: expected float, got str 'high' (overrides base.py:7)",
        "base.py:13 evaluation.save_bst: unknown key; did you mean 'save_best'?",
        "child.py:2 seeed: unknown key, which nothing reads; did you mean 'seed'?",
    ]


def test_what_may_stand_in_an_unread_file_is_not_missed(checked, tmp_path):
    child = (
        "_base_ = 'gone.py'\nmodel = dict(width=3)\n"
        "optimizer = dict(type='SGD', paramwise_cfg=dict(norm_decay_mult=0))\n"
        "runner = dict(type='EpochBasedRunner')\nlr_config = dict(policy='step')\nlog_config = dict(hooks=[])\n"
        "evaluation = dict(interval=1, save_best='foo')\nworkflow = [('train', 1), ('val', 1)]\n"
        "model = dict(_delete_=True, type='Net')\nload_from = 'none.pth'\nlog_level = 'INF'\n"
    )
    assert checked({"child.py": child}) == [
        f"child.py:1 _base_: file '{tmp_path}/gone.py' does not exist",
        "child.py:10 load_from: file 'none.pth' does not exist",
        "child.py:11 log_level: no level 'INF'; did you mean 'INFO'?",
    ]


def test_a_type_that_an_unread_file_may_register(checked, tmp_path):
    assert checked({"child.py": "_base_ = 'gone.py'\noptimizer = dict(type='Mine', lr=0.1)\n"})[1].endswith(
        "; a module of custom_imports may register it"
    )


def test_a_value_of_an_unread_base_is_not_missed(checked, tmp_path):
    child = "_base_ = 'gone.py'\nsize = {{ _base_.size }}\nmodel = dict(width='{{ _base_.width }}')\n"
    assert checked({"child.py": child}) == [f"child.py:1 _base_: file '{tmp_path}/gone.py' does not exist"]


def test_a_file_that_several_inherit_is_reported_once(checked):
    files = {
        "child.py": "_base_ = ['one.py', 'two.py']\n",
        "one.py": "_base_ = 'broken.py'\n",
        "two.py": "_base_ = 'broken.py'\n",
        "broken.py": "x = (\n",
    }
    assert checked(files) == ["broken.py:1 syntax error: '(' was never closed: x = ("]


def test_all_keys_that_stand_in_two_bases(checked):
    files = {"child.py": "_base_ = ['base.py', 'more.py']\nseed = '1'\n", "base.py": BASE}
    more = "workflow = [('train', 2)]\n\nload_from = 'x.pth'\n"
    assert checked({**files, "more.py": more}) == [
        "more.py:1 workflow: key 'workflow' is in two bases, also at base.py:14",
        "more.py:3 load_from: key 'load_from' is in two bases, also at base.py:15",
        "child.py:2 seed: expected int or None, got str '1'; remove the quotes",
    ]


def test_all_dicts_that_meet_something_else(checked):
    child = (
        "_base_ = 'base.py'\noptimizer = dict(type=dict(name='SGD'), lr='0.1')\n"
        "data = dict(train=dict(type='Digits', pipelin=[]))\nlog_config = dict(hooks=dict(type='TextLoggerHook'))\n"
    )
    assert checked({"child.py": child, "base.py": BASE}) == [
        "child.py:3 data.train.pipelin: unknown key; did you mean 'pipeline'?",
        "child.py:2 optimizer.type: a dict cannot be merged into a str of the base; "
        "_delete_=True in it drops the base's value",
        "child.py:2 optimizer.lr: expected float, got str '0.1'; remove the quotes (overrides base.py:7)",
        "child.py:4 log_config.hooks: a dict cannot be merged into a list of the base; "
        "_delete_=True in it drops the base's value",
    ]


def test_a_dict_over_none_is_checked_as_if_it_replaced_it(checked):
    base = BASE.replace("grad_clip=dict(max_norm=35)", "grad_clip=None")
    child = "_base_ = 'base.py'\noptimizer_config = dict(grad_clip=dict(max_nrom=35))\n"
    assert checked({"child.py": child, "base.py": base}) == [
        "child.py:2 optimizer_config.grad_clip: a dict cannot be merged into None of the base; "
        "_delete_=True in it drops the base's value",
        "child.py:2 optimizer_config.grad_clip.max_nrom: unknown key; did you mean 'max_norm'?",
    ]


def test_options_that_lead_nowhere_are_left_out(checked, tmp_path, capsys):
    options = ("lr_config.step.7=9", "optimizer.weight_decay.x=1", "seed=x", "optimizer.lr=y")
    lines = checked(GOOD, "--cfg-options", *options)
    assert len(lines) == 4
    assert "--cfg-options seed: expected int or None, got str 'x'" in lines
    assert "--cfg-options optimizer.lr: expected float, got str 'y' (overrides lenet.py:7)" in lines
    assert [
        line for line in lines if line.startswith("--cfg-options lr_config.step") and "index 7 is too large" in line
    ]
    assert [line for line in lines if line.startswith("--cfg-options optimizer.weight_decay: ") and "dict" in line]
    check(str(tmp_path / "lenet.py"), dict(option.split("=") for option in options), output="json")
    ordinals = {row["key"]: row["line"] for row in json.loads(capsys.readouterr().out)["problems"]}
    assert (ordinals["seed"], ordinals["optimizer.lr"]) == (3, 4)  # which of the options


def test_a_script_meets_all_of_it_in_one_error(tmp_path):
    (tmp_path / "child.py").write_text("_base_ = ['one.py', 'two.py']\n")
    (tmp_path / "two.py").write_text("x = dict(\n")
    with pytest.raises(ConfigError) as caught:
        Config.fromfile(tmp_path / "child.py")
    assert [problem.location.line for problem in caught.value.problems] == [1, 1]
    assert isinstance(caught.value.__cause__, FileNotFoundError)
    (tmp_path / "one.py").write_text("x = 1\n")
    (tmp_path / "two.py").write_text("x = 1\n")
    with pytest.raises(ConfigError, match="key 'x' is in two bases"):
        Config.fromstring(f"_base_ = ['{tmp_path}/one.py', '{tmp_path}/two.py']\n", ".py")


def test_a_run_ends_with_the_same_report(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "child.py").write_text("_base_ = 'gone.py'\noptimizer = dict(type='SDG')\n")
    assert main(["check", "child.py"]) == 2
    report = capsys.readouterr().out
    assert report.startswith("child.py: 2 problems\n")
    assert main(["run", "child.py"]) == 2
    assert capsys.readouterr().err == report
    assert [path.name for path in tmp_path.iterdir()] == ["child.py"]
