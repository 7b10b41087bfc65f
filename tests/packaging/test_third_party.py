"""A stranger's package: built, installed into a fresh environment, trained with."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.slow
def test_signsgd_trains(tmp_path: Path) -> None:
    def call(*command: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-3000:]
        return done

    source = str(ROOT / "examples/hookloom-signsgd")
    call(sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", str(tmp_path), source)
    (wheel,) = tmp_path.glob("*.whl")
    venv.create(tmp_path / "fresh", with_pip=True)
    python = str(tmp_path / "fresh" / "bin" / "python")
    # What the package depends on is here already: the fresh environment sees it, instead of installing it again.
    site = Path(call(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").stdout.strip())
    here = sysconfig.get_path("purelib")
    (site / "here.pth").write_text(f"import site; site.addsitedir({here!r})\n")
    call(python, "-m", "pip", "install", "-q", "--no-deps", "--no-index", str(wheel))
    listed = call(python, "-m", "core", "plugins", "list", "optimizers").stdout
    assert ["optimizers", "SignSGD", "hookloom-signsgd", "0.1.0"] in [line.split() for line in listed.splitlines()]
    options = ("optimizer._delete_=True", "optimizer.type=SignSGD", "optimizer.lr=0.001")
    run = tmp_path / "run"
    call(python, "-m", "core.run", "examples/digits/smoke.py", "--work-dir", str(run), "--cfg-options", *options)
    saved = torch.load(run / "latest.pth", weights_only=True)
    assert "hookloom-signsgd 0.1.0" in str(saved["hookloom"]["providers"]["optimizer"])
