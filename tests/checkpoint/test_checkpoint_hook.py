"""When a run saves, what it keeps, and what happens when it cannot."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from golden_models import TinyNet, loader
from runs import Recorder, make_runner

from core import CheckpointHook, Hook
from core.checkpoint import find_latest, read_checkpoint
from core.errors import CheckpointError, HookError, UnsavableStateError
from core.hooks.checkpoint import checkpoint_folders


def runner_with(work_dir: Path | None, hook: Any, kind: str = "Epoch", length: int = 3, **options: Any) -> Any:
    model = options.pop("model", None) or TinyNet()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    size = "max_epochs" if kind == "Epoch" else "max_iters"
    runner = make_runner(
        {"type": f"{kind}BasedRunner", size: length},
        model,
        optimizer,
        work_dir=None if work_dir is None else str(work_dir),
        meta=options.pop("meta", {}),
        **options,
    )
    runner.register_training_hooks({"policy": "fixed"}, {}, None)
    runner.register_hook(hook)
    return runner


def train(runner: Any) -> None:
    runner.run([loader(2)], [("train", 1)])


def test_arguments_stand_in_the_order_of_mmcv() -> None:
    hook = CheckpointHook(5, False, False, "/out", 3, False, True, {"backend": "disk"}, filename_tmpl="x_{}.pth")
    assert (hook.interval, hook.by_epoch, hook.save_optimizer, hook.out_dir) == (5, False, False, "/out")
    assert (hook.max_keep_ckpts, hook.save_last, hook.sync_buffer) == (3, False, True)
    assert hook.args == {"filename_tmpl": "x_{}.pth"}


def test_only_the_disk() -> None:
    with pytest.raises(CheckpointError, match="backend 's3' is not supported"):
        CheckpointHook(file_client_args={"backend": "s3"})


def test_nowhere_to_save() -> None:
    with pytest.raises(HookError, match="neither out_dir nor work_dir is set"):
        train(runner_with(None, CheckpointHook()))


def test_out_dir_without_a_work_dir(tmp_path: Path) -> None:
    train(runner_with(None, CheckpointHook(out_dir=str(tmp_path / "out"))))
    assert sorted(os.listdir(tmp_path / "out")) == ["checkpoints.json", "epoch_3.pth", "latest.pth"]


def test_a_second_run_saves_to_the_same_folder(tmp_path: Path) -> None:
    """MMCV appends the name of the work directory once more."""
    runner = runner_with(tmp_path / "exp", CheckpointHook(1, out_dir=str(tmp_path / "out")), length=1)
    train(runner)
    runner.run([loader(2)], [("train", 1)], max_epochs=2)
    assert os.listdir(tmp_path / "out") == ["exp"]
    assert {"epoch_1.pth", "epoch_2.pth"} < set(os.listdir(tmp_path / "out" / "exp"))


def test_what_cannot_be_saved_is_told_before_the_training(tmp_path: Path) -> None:
    steps: list[Any] = []
    runner = runner_with(tmp_path, CheckpointHook(), meta={"seed": 1, "facts": [object()]})
    runner.register_hook(Recorder("before_train_iter", steps.append))
    with pytest.raises(UnsavableStateError, match=r"^checkpoint\['meta'\]\['facts'\]\[0\]: an object of class object"):
        train(runner)
    assert steps == []


class Extra(TinyNet):
    def get_extra_state(self) -> Any:
        return {"cache": object()}

    def set_extra_state(self, state: Any) -> None:
        pass


def test_unsavable_state_of_the_model_is_told_before_the_training(tmp_path: Path) -> None:
    with pytest.raises(UnsavableStateError, match=r"^checkpoint\['state_dict'\]\['_extra_state'\]\['cache'\]"):
        train(runner_with(tmp_path, CheckpointHook(), model=Extra()))


class Remembering(Hook):
    def __init__(self, state: Any) -> None:
        self.state = state

    def state_dict(self) -> dict[str, Any]:
        return {"kept": self.state}


def test_unsavable_state_of_a_hook_replaces_nothing(tmp_path: Path) -> None:
    train(runner_with(tmp_path, CheckpointHook(1), length=1))
    before = (tmp_path / "epoch_1.pth").read_bytes()
    runner = runner_with(tmp_path, CheckpointHook(1), length=1)
    runner.register_hook(Remembering(object()))
    name = f"{Remembering.__module__}.Remembering"
    with pytest.raises(UnsavableStateError) as caught:
        train(runner)
    assert str(caught.value).startswith(f"checkpoint['hookloom']['hooks']['{name}']['kept']: an object of class object")
    assert (tmp_path / "epoch_1.pth").read_bytes() == before


def test_pruning_waits_for_the_new_file(tmp_path: Path) -> None:
    """However a run ends, a whole checkpoint is there."""
    runner = runner_with(tmp_path, CheckpointHook(1, max_keep_ckpts=1), length=2)
    real, seen = runner.save_checkpoint, []

    def save(*args: Any, **kwargs: Any) -> str:
        seen.append(sorted(path.name for path in tmp_path.glob("epoch_*.pth")))
        return real(*args, **kwargs)

    runner.save_checkpoint = save
    train(runner)
    assert seen == [[], ["epoch_1.pth"]]
    assert sorted(path.name for path in tmp_path.glob("epoch_*.pth")) == ["epoch_2.pth"]
    assert [line for line in (tmp_path / "checkpoints.json").read_text().split('"') if "epoch" in line] == [
        "epoch_2.pth"
    ]


def test_a_template_without_a_number_is_never_pruned(tmp_path: Path) -> None:
    train(runner_with(tmp_path, CheckpointHook(1, max_keep_ckpts=1, filename_tmpl="last.pth")))
    assert sorted(os.listdir(tmp_path)) == ["checkpoints.json", "last.pth", "latest.pth"]
    assert read_checkpoint(tmp_path / "last.pth")["meta"]["epoch"] == 3


def test_every_recorded_checkpoint_is_whole(tmp_path: Path) -> None:
    train(runner_with(tmp_path, CheckpointHook(2, by_epoch=False), "Iter", 5))
    assert find_latest(tmp_path, logging.getLogger("x")) == tmp_path / "iter_5.pth"
    assert {"iter_2.pth", "iter_4.pth", "iter_5.pth"} < set(os.listdir(tmp_path))


def test_folders_of_a_run(tmp_path: Path) -> None:
    runner = runner_with(tmp_path / "exp", CheckpointHook(out_dir=str(tmp_path / "out")))
    runner.register_hook(CheckpointHook())
    assert checkpoint_folders(runner) == [str(tmp_path / "out" / "exp")]
