"""Going on with an optimizer of another distribution, or of another version of the same one."""

from __future__ import annotations

import importlib.metadata
import logging
import re
from pathlib import Path
from typing import Any

import pytest
import torch

from core import CheckpointError, EpochBasedRunner, OptimizerHook
from core.cli.main import main

TORCH = importlib.metadata.version("torch")  # of which torch itself may say more, such as +cpu

JOB = """
model = dict(type='small.Net')
data = dict(samples_per_gpu=4, train=dict(type='small.Points'))
optimizer = dict(type='SGD', lr=0.1, momentum=0.9)
runner = dict(type='EpochBasedRunner', max_epochs=2)
checkpoint_config = dict(interval=1)
"""


def runner_of(kind: type[torch.optim.Optimizer], folder: Path) -> Any:
    model = torch.nn.Linear(2, 1)
    model.train_step = lambda batch, optimizer: {"loss": model(batch).sum(), "num_samples": 1}  # type: ignore[assignment]
    optimizer, logger = kind(model.parameters(), lr=0.1), logging.getLogger("of a test")
    runner = EpochBasedRunner(model, optimizer=optimizer, max_epochs=1, work_dir=str(folder), logger=logger)
    runner.register_hook(OptimizerHook())
    return runner


@pytest.fixture
def saved(tmp_path: Path) -> Any:
    """Save a run with SGD, whose checkpoint then says that another version or distribution had brought it."""

    def save(provider: str | None) -> str:
        runner = runner_of(torch.optim.SGD, tmp_path)
        runner.run([[torch.ones(1, 2)]], [("train", 1)])
        path = runner.save_checkpoint(str(tmp_path))
        content = torch.load(path, weights_only=True)
        assert content["hookloom"]["providers"]["optimizer"] == f"torch {TORCH}"
        if provider is None:
            del content["hookloom"]["providers"]["optimizer"]
        else:
            content["hookloom"]["providers"]["optimizer"] = provider
        torch.save(content, path)
        return str(path)

    return save


def test_another_distribution_is_refused_unless_asked_for(
    saved: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = saved("hookloom-other 1.2")
    runner = runner_of(torch.optim.SGD, tmp_path)
    before = [p.clone() for p in runner.optimizer.param_groups[0]["params"]]
    with pytest.raises(CheckpointError) as caught:
        runner.resume(path)
    assert str(caught.value) == (
        f"{path}: the checkpoint's optimizer is SGD of hookloom-other 1.2, and the run's is SGD of torch "
        f"{TORCH}: its state may mean something else; write resume=dict(other_provider=True) to go on "
        "with it all the same, or load_from to go on with the weights alone"
    )
    assert before
    runner.resume(path, resume_optimizer=False)
    with caplog.at_level(logging.WARNING):
        runner.resume(path, other_provider=True)
    assert "SGD of hookloom-other 1.2, and the run's is SGD of torch" in caplog.text


def test_another_class_is_refused_unless_asked_for(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The states of AdamW and RAdam have the same keys, and the runs would never notice."""
    first = runner_of(torch.optim.AdamW, tmp_path)
    first.run([[torch.ones(1, 2)]], [("train", 1)])
    path = first.save_checkpoint(str(tmp_path))
    other = runner_of(torch.optim.RAdam, tmp_path)
    torchs = re.escape(f"of torch {TORCH}")
    with pytest.raises(CheckpointError, match=f"is AdamW {torchs}, and the run's is RAdam {torchs}: its state may"):
        other.resume(path)
    other.resume(path, resume_optimizer=False)
    assert not other.optimizer.state
    with caplog.at_level(logging.WARNING):
        other.resume(path, other_provider=True)
    assert "and the run's is RAdam of torch" in caplog.text
    assert len(other.optimizer.state) == 2


def test_options_of_another_class_are_refused_even_if_asked_for(tmp_path: Path) -> None:
    extra = pytest.importorskip("hookloom_optim_extra")
    first = runner_of(extra.Lion, tmp_path)
    first.run([[torch.ones(1, 2)]], [("train", 1)])
    path = first.save_checkpoint(str(tmp_path))
    with pytest.raises(CheckpointError, match="the optimizer state does not fit: betas must be three numbers"):
        runner_of(extra.Adan, tmp_path).resume(path, other_provider=True)


@pytest.mark.parametrize(
    ("provider", "said"),
    [
        ("torch 1.9.1", "SGD of torch 1.9.1, and the run's is SGD of torch"),
        (f"torch {TORCH}", ""),
        (f"torch {TORCH.partition('+')[0]}+elsewhere", ""),
        (None, ""),
    ],
)
def test_another_version_is_a_warning(
    provider: Any, said: str, saved: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = saved(provider)
    with caplog.at_level(logging.WARNING):
        runner_of(torch.optim.SGD, tmp_path).resume(path)
    warned = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert [said in one for one in warned] == ([True] if said else [])


def test_a_module_of_the_users_own_may_be_renamed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def own(module: str) -> Any:
        return type("Mine", (torch.optim.SGD,), {"__module__": module})

    first = runner_of(own("first_names"), tmp_path)
    first.run([[torch.ones(1, 2)]], [("train", 1)])
    path = first.save_checkpoint(str(tmp_path))
    with caplog.at_level(logging.WARNING):
        runner_of(own("second_names.optim"), tmp_path).resume(path)
    assert "Mine of first_names, and the run's is Mine of second_names.optim" in caplog.text
    with pytest.raises(CheckpointError, match="Mine of first_names, and the run's is SGD of torch"):
        runner_of(torch.optim.SGD, tmp_path).resume(path)


def test_the_config_and_the_command_line_ask_for_it(tmp_path: Path, monkeypatch: Any, capfd: Any) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.py").write_text(JOB)
    assert main(["run", "config.py", "--work-dir", "out"]) == 0
    path = tmp_path / "out/epoch_1.pth"
    content = torch.load(path, weights_only=True)
    content["hookloom"]["providers"]["optimizer"] = "hookloom-other 1.2"
    torch.save(content, path)
    (tmp_path / "out/checkpoints.json").unlink()
    resume = ["run", "config.py", "--work-dir", "out", "--resume-from", str(path)]
    capfd.readouterr()
    assert main(resume) == 2
    assert "write resume=dict(other_provider=True)" in capfd.readouterr().err
    assert main([*resume, "--cfg-options", "resume.other_provider=True"]) == 0
    assert (
        main(["run", "config.py", "--cfg-options", f"resume.from_={path}", "resume.other_provider=1", "--check"]) == 2
    )
