"""The live display on a terminal: it moves, and the log lines around it stay whole."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

SUPPORT = Path(__file__).parent.parent / "support"
CONFIG = """
model = dict(type='small.Net')
data = dict(samples_per_gpu=2, train=dict(type='small.Points', size=40))
optimizer = dict(type='SGD', lr=0.1)
lr_config = dict(policy='fixed')
runner = dict(type='EpochBasedRunner', max_epochs=2)
log_config = dict(interval=10, hooks=[dict(type='TextLoggerHook')])
"""


@pytest.mark.slow
@pytest.mark.parametrize("terminal", [True, False])
def test_lines_stay_whole(tmp_path: Path, terminal: bool) -> None:
    (tmp_path / "config.py").write_text(CONFIG)
    environment = {
        **os.environ,
        "COLUMNS": "60",
        "TERM": "xterm",
        "PYTHONPATH": os.pathsep.join([str(SUPPORT), *sys.path]),
    }
    master, slave = pty.openpty() if terminal else os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-m", "core.run", "config.py", "--work-dir", "w"],
        cwd=tmp_path,
        env=environment,
        stderr=slave,
        stdout=subprocess.DEVNULL,
    )
    os.close(slave)
    shown = b""
    while True:
        try:
            part = os.read(master, 65536)
        except OSError:  # how a pseudo-terminal says that its other end is closed
            break
        if not part:
            break
        shown += part
    assert process.wait() == 0
    text = shown.decode()
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
    (log,) = (tmp_path / "w").glob("*.log")
    whole = [line for line in log.read_text().splitlines() if "Epoch [" in line]
    assert len(whole) == 4
    lines = [re.sub(r"\s+", " ", line) for line in re.split(r"[\r\n]+", plain)]
    for line in whole:
        assert re.sub(r"\s+", " ", line) in lines, "longer than the terminal is wide, and not cut"
    assert ("epoch 2/2" in plain) is terminal
    assert ("\x1b[" in text) is terminal
