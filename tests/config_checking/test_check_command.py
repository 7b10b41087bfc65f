from __future__ import annotations

import json
import os

import pytest
from checked_config import GOOD

from core.cli.check import check


@pytest.fixture
def config(tmp_path):
    def write(text):
        path = tmp_path / "lenet.py"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


def test_a_config_that_can_be_run(config, capsys):
    assert check(config(GOOD)) == 0
    assert capsys.readouterr().out == "lenet.py: no problems\n"


def test_a_config_that_cannot(config, capsys):
    assert check(config(GOOD), {"runner.max_epochs": "x"}) == 2
    assert capsys.readouterr().out == (
        "lenet.py: 1 problem\n"
        "  --cfg-options   runner.max_epochs: expected int or None, got str 'x' (overrides lenet.py:10)\n"
    )


def test_a_warning_stops_only_a_strict_check(config, capsys):
    path = config(GOOD.replace("step=[3, 5]", "step=[3, 6]"))
    assert check(path) == 0
    assert capsys.readouterr().out == (
        "lenet.py: 1 warning\n"
        "  lenet.py:9   warning: lr_config.step[1]: step 6 is never reached: the run ends after 6 epochs\n"
    )
    assert check(path, strict=True) == 2


def test_a_file_that_is_not_there(tmp_path, capsys):
    assert check(str(tmp_path / "nowhere.py")) == 2
    assert capsys.readouterr().out == f"nowhere.py: 1 problem\n  file '{tmp_path}/nowhere.py' does not exist\n"
    (tmp_path / "lenet.py").write_text(GOOD)
    assert check(str(tmp_path / "lnet.py"), output="json") == 2
    (row,) = json.loads(capsys.readouterr().out)["problems"]
    assert (row["file"], row["key"], row["found"]) == (None, "", None)
    assert row["suggestion"] == os.path.relpath(tmp_path / "lenet.py")


def test_findings_as_json(config, capsys):
    path = config(GOOD.replace("weight_decay=1e-4", "weight_dacay=1e-4"))
    assert check(path, output="json") == 2
    assert json.loads(capsys.readouterr().out) == {
        "config": path,
        "problems": [
            {
                "severity": "error",
                "file": path,
                "line": 7,
                "overrides": None,
                "key": "optimizer.weight_dacay",
                "message": "unknown key",
                "expected": None,
                "found": None,
                "suggestion": "weight_decay",
                "hint": None,
            }
        ],
    }
