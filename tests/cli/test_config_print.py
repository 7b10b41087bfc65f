"""`hookloom config print`: colours on a terminal, plain text elsewhere, three formats, and checkpoints."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from core.config.loader import load

ESCAPE = re.compile(r"\x1b\[[0-9;]*m")
LONG = "x" * 200
NET = f"""\
model = dict(type='Net', depth=18, shape=(3, 4))
note = '{LONG}'
"""


def on_a_terminal(arguments: list[str], folder: Path, **environment: str) -> str:
    """Run the command line with a pseudo-terminal for its output; return what arrives there."""
    outer, inner = pty.openpty()
    given = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS")}
    process = subprocess.Popen(
        [sys.executable, "-m", "core", *arguments],
        cwd=folder,
        env={**given, "TERM": "xterm-256color", **environment},
        stdout=inner,
        stderr=subprocess.STDOUT,
    )
    os.close(inner)
    said = b""
    while True:
        try:
            part = os.read(outer, 65536)
        except OSError:  # the other side is closed
            break
        if not part:
            break
        said += part
    os.close(outer)
    assert process.wait(timeout=600) == 0, said
    return said.decode().replace("\r\n", "\n")


def test_colours_on_a_terminal_alone(command: Any, tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(NET)
    code, plain, _ = command("config", "print", "net.py")
    assert code == 0
    assert "\x1b" not in plain
    assert plain == NET
    coloured = on_a_terminal(["config", "print", "net.py"], tmp_path)
    assert ESCAPE.search(coloured)
    # Neither wrapped nor filled up: what is copied from the terminal is the config.
    assert ESCAPE.sub("", coloured) == plain
    assert on_a_terminal(["config", "print", "net.py"], tmp_path, NO_COLOR="1") == plain
    assert on_a_terminal(["config", "print", "net.py"], tmp_path, TERM="dumb") == plain


@pytest.mark.parametrize(("name", "read"), [("json", json.loads), ("yaml", yaml.safe_load)])
def test_other_formats(command: Any, tmp_path: Path, name: str, read: Any) -> None:
    (tmp_path / "net.py").write_text(NET)
    code, out, _ = command("config", "print", "net.py", "--format", name, "--cfg-options", "model.depth=50")
    assert code == 0
    assert read(out) == {"model": {"type": "Net", "depth": 50, "shape": [3, 4]}, "note": LONG}


def test_a_key_that_python_cannot_write(command: Any, tmp_path: Path) -> None:
    (tmp_path / "net.yaml").write_text("two-words: 1\n")
    code, _, err = command("config", "print", "net.yaml")
    assert code == 2
    assert err == "key 'two-words' cannot be a name in a Python config; write YAML or JSON\n"
    assert command("config", "print", "net.yaml", "--format", "yaml")[1] == "two-words: 1\n"


def test_what_would_have_to_be_run(command: Any, tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text("from math import sqrt\nx = sqrt(4)\n")
    assert command("config", "print", "net.py")[1] == "x = 2.0\n"
    code, _, err = command("config", "print", "net.py", "--static")
    assert code == 2
    assert "net.py:1" in err
    assert "which --static refuses" in err


def test_the_config_inside_a_checkpoint(command: Any, tmp_path: Path) -> None:
    assert command("run", "config.py", "--work-dir", "w", "--cfg-options", "runner.max_epochs=1")[0] == 0
    code, out, _ = command("config", "print", "w/epoch_1.pth")
    assert code == 0
    (tmp_path / "printed.py").write_text(out)
    assert load(tmp_path / "printed.py").data == load(tmp_path / "w/config.py").data
    code, out, _ = command("config", "explain", "w/epoch_1.pth", "runner.max_epochs")
    assert out == "runner.max_epochs = 1   config.py:11\n"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"state_dict": {}}, "checkpoint 'c.pth' holds no config: its meta has no text 'config'"),
        ({"meta": {"epoch": 1}, "state_dict": {}}, "checkpoint 'c.pth' holds no config"),
        ({"meta": {"config": "x = open('/tmp/run', 'w')"}, "state_dict": {}}, "the file would have to be run"),
        ({"meta": {"config": "x = (1\n"}, "state_dict": {}}, "syntax error"),
    ],
)
def test_a_checkpoint_without_a_config_that_can_be_read(
    command: Any, tmp_path: Path, content: dict[str, Any], said: str
) -> None:
    torch.save(content, tmp_path / "c.pth")
    code, _, err = command("config", "print", "c.pth")
    assert code == 2
    assert said in err


def test_a_config_that_is_no_file(command: Any) -> None:
    assert command("config", "print", "gone.pth")[2] == "checkpoint 'gone.pth' does not exist\n"
    assert "gone.py' does not exist" in command("config", "print", "gone.py")[2]


def test_a_config_of_mmcv_kept_as_a_dict(command: Any, tmp_path: Path) -> None:
    torch.save({"meta": {"config": {"model": {"depth": 18}}}, "state_dict": {}}, tmp_path / "c.pth")
    assert command("config", "print", "c.pth")[1] == "model = dict(depth=18)\n"
