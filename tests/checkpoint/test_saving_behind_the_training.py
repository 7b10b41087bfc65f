"""`async_save`: a checkpoint is what the run was when it was due, and comes onto the disk in order, or ends the run."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from golden_models import TinyNet, loader
from runs import make_runner

from core import CheckpointHook, EvalHook, Hook
from core.checkpoint import BackgroundWriter, Writer, find_latest, read_checkpoint, write_checkpoint
from core.checkpoint.snapshot import Staging, memories
from core.errors import WriteError


def payload(number: float = 1.0) -> dict[str, Any]:
    shared = torch.full((6,), number)
    return {
        "meta": {"iter": 1, "shape": torch.Size([2, 3]), "names": ("a", "b")},
        "state_dict": {
            "w": shared,
            "same": shared,
            "part": shared[1:3],
            "turned": torch.arange(6.0).reshape(2, 3).t() * number,
            "half": torch.full((3,), number, dtype=torch.bfloat16),
            "complex": torch.tensor([1 + 2j]).conj(),
            "none": torch.empty(0),
            "scalar": torch.tensor(number, dtype=torch.float64),
        },
    }


def value_of(path: Path) -> float:
    return float(read_checkpoint(path)["state_dict"]["w"][0])


class Gate:
    """Keeps the writing thread where it is."""

    def __init__(self, writer: BackgroundWriter) -> None:
        self.open = threading.Event()
        writer.later(lambda: self.open.wait(600) and None)


@pytest.fixture
def writer() -> Any:
    made = BackgroundWriter(Writer())
    yield made
    made.close()


def test_the_file_is_the_same_to_the_byte(tmp_path: Path, writer: BackgroundWriter) -> None:
    write_checkpoint(payload(), tmp_path / "at once.pth")
    writer.save(payload(), tmp_path / "behind.pth", 1, latest=True)
    writer.wait()
    # But for the view of a conjugate, which no copy keeps.
    one, other = (read_checkpoint(tmp_path / name) for name in ("at once.pth", "behind.pth"))
    assert one["meta"] == other["meta"]
    for name, tensor in one["state_dict"].items():
        assert torch.equal(tensor, other["state_dict"][name]), name
        assert tensor.stride() == other["state_dict"][name].stride(), name
    weights = other["state_dict"]
    assert weights["w"].data_ptr() == weights["same"].data_ptr() == weights["part"].data_ptr() - 4
    plain = {"state_dict": {"w": torch.ones(1000), "v": torch.zeros(7)}, "meta": {"iter": 1}}
    write_checkpoint(plain, tmp_path / "at once.pth")
    writer.save(plain, tmp_path / "behind.pth", 1, latest=True)
    writer.wait()
    assert (tmp_path / "at once.pth").read_bytes() == (tmp_path / "behind.pth").read_bytes()
    assert find_latest(tmp_path) == tmp_path / "behind.pth"
    assert os.readlink(tmp_path / "latest.pth") == "behind.pth"


def test_what_changes_afterwards_is_not_in_it(tmp_path: Path, writer: BackgroundWriter) -> None:
    gate, saved = Gate(writer), payload(1.0)
    started = threading.Thread(target=writer.save, args=(saved, tmp_path / "a.pth", 1), kwargs={"latest": False})
    gate.open.set()
    started.start()
    started.join()
    for tensor in saved["state_dict"].values():
        tensor.zero_()
    saved["meta"]["iter"] = 99
    writer.wait()
    assert value_of(tmp_path / "a.pth") == 1.0
    assert read_checkpoint(tmp_path / "a.pth")["meta"]["iter"] == 1


def test_memory_is_used_again() -> None:
    staging = Staging()
    first, second = ({"w": torch.full((6,), number), "v": torch.zeros(6), "u": torch.ones(2)} for number in (1.0, 2.0))
    places = [memory.data_ptr() for memory in memories(staging.copy(first))]
    copied = staging.copy(second)
    assert [memory.data_ptr() for memory in memories(copied)] == places
    assert len(set(places)) == 3
    assert copied["w"].tolist() == [2.0] * 6
    small = {"state_dict": {"w": torch.ones(2)}}
    staging.copy(small)
    assert sum(len(blocks) for blocks in staging._blocks.values()) == 1, "what is not needed any more is let go"


def test_the_next_one_waits_for_the_one_before(tmp_path: Path, writer: BackgroundWriter) -> None:
    writer.save(payload(1.0), tmp_path / "a.pth", 1, latest=True)
    writer.later(lambda: (tmp_path / "seen").write_text(str(value_of(tmp_path / "a.pth"))) and None)
    writer.save(payload(2.0), tmp_path / "b.pth", 2, latest=True)
    writer.later(lambda: (tmp_path / "a.pth").unlink())
    writer.wait()
    assert (tmp_path / "seen").read_text() == "1.0"
    assert value_of(tmp_path / "b.pth") == 2.0
    assert not (tmp_path / "a.pth").exists()


def test_after_a_failure_nothing_is_deleted(tmp_path: Path) -> None:
    writer = BackgroundWriter(Writer())
    writer.save(payload(1.0), tmp_path / "a.pth", 1, latest=True)
    writer.wait()
    (tmp_path / "b.pth").mkdir()
    gate = Gate(writer)
    writer._under_way.clear()
    gate.open.set()
    writer.save(payload(2.0), tmp_path / "b.pth", 2, latest=True)
    writer.later(lambda: (tmp_path / "a.pth").unlink())
    with pytest.raises(WriteError, match=r"b\.pth cannot be written: Is a directory"):
        writer.wait()
    assert value_of(tmp_path / "a.pth") == 1.0
    assert writer.failed
    with pytest.raises(WriteError):
        writer.save(payload(3.0), tmp_path / "c.pth", 3, latest=True)
    assert not (tmp_path / "c.pth").exists()
    writer.close()


def test_closing_tells_what_nobody_was_told(tmp_path: Path) -> None:
    writer = BackgroundWriter(Writer())
    (tmp_path / "b.pth").mkdir()
    writer.save(payload(), tmp_path / "b.pth", 1, latest=True)
    with pytest.raises(WriteError):
        writer.close()


def runner_with(work_dir: Path, *hooks: Any, kind: str = "Iter", length: int = 6) -> Any:
    torch.manual_seed(0)
    model = TinyNet()
    options = {"type": f"{kind}BasedRunner", "max_iters" if kind == "Iter" else "max_epochs": length}
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    runner = make_runner(options, model, optimizer, work_dir=str(work_dir), meta={})
    runner.register_training_hooks({"policy": "fixed"}, {}, None)
    for hook in hooks:
        runner.register_hook(hook)
    return runner


class Breaks(Hook):
    """Makes the folder unwritable after an iteration, and keeps which iterations there were."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.seen: list[int] = []

    def before_train_iter(self, runner: Any) -> None:
        if runner.iter == self.at:
            with pytest.raises(WriteError):
                runner.writer.wait()
            runner.writer._told = False

    def after_train_iter(self, runner: Any) -> None:
        self.seen.append(runner.iter + 1)
        if runner.iter + 1 == self.at - 1:
            (Path(runner.work_dir) / f"iter_{self.at}.pth").mkdir()


def test_a_failure_ends_the_run_at_the_next_iteration(tmp_path: Path) -> None:
    breaks = Breaks(4)
    runner = runner_with(
        tmp_path, breaks, CheckpointHook(2, by_epoch=False, max_keep_ckpts=1, async_save=True), length=9
    )
    with pytest.raises(WriteError, match=r"iter_4\.pth cannot be written: Is a directory") as caught:
        runner.run([loader(4)], [("train", 1)])
    assert breaks.seen == [1, 2, 3, 4, 5]
    assert caught.value.exit_code == 74
    assert not any("failed too" in note for note in getattr(caught.value, "__notes__", ()))
    assert find_latest(tmp_path) == tmp_path / "iter_2.pth", "the one before is not deleted"
    assert not runner.writer.in_background


def test_a_failure_of_the_last_one_is_told_at_the_end(tmp_path: Path) -> None:
    (tmp_path / "iter_6.pth").mkdir(parents=True)
    with pytest.raises(WriteError, match=r"iter_6\.pth cannot be written"):
        runner_with(tmp_path, CheckpointHook(3, by_epoch=False, async_save=True)).run([loader(4)], [("train", 1)])
    assert find_latest(tmp_path) == tmp_path / "iter_3.pth"


@pytest.mark.parametrize("kind", ["Epoch", "Iter"])
@pytest.mark.parametrize("keep", [1, 2, -1])
def test_a_run_leaves_the_same_files(tmp_path: Path, kind: str, keep: int) -> None:
    found = []
    for behind in (False, True):
        folder = tmp_path / str(behind)
        hook = CheckpointHook(1, by_epoch=kind == "Epoch", max_keep_ckpts=keep, async_save=behind)
        runner = runner_with(folder, hook, kind=kind, length=4)
        runner.run([loader(2)], [("train", 1)])
        files = {path.name: read_checkpoint(path) for path in folder.glob("*.pth")}
        found.append({name: (saved["state_dict"], saved["meta"]["iter"]) for name, saved in files.items()})
        assert runner.meta["hook_msgs"]["last_ckpt"].endswith("_4.pth")
    assert found[0].keys() == found[1].keys()
    for name, (weights, iteration) in found[0].items():
        assert iteration == found[1][name][1]
        assert all(torch.equal(weight, found[1][name][0][key]) for key, weight in weights.items())


def test_the_best_weights_come_in_order_too(tmp_path: Path) -> None:
    class Rising(torch.utils.data.Dataset):
        scores = iter([1, 2, 2, 3])

        def __len__(self) -> int:
            return 1

        def __getitem__(self, index: int) -> Any:
            return torch.ones(1)

        def evaluate(self, results: Any, logger: Any = None) -> dict[str, int]:
            return {"acc": next(self.scores)}

    judge = EvalHook(torch.utils.data.DataLoader(Rising()), save_best="acc", test_fn=lambda model, data: [0])
    hook = CheckpointHook(1, max_keep_ckpts=1, async_save=True)
    runner_with(tmp_path, hook, judge, kind="Epoch", length=4).run([loader(2)], [("train", 1)])
    names = sorted(path.name for path in tmp_path.iterdir() if not path.name.startswith("."))
    assert names == ["best_acc_epoch_4.pth", "checkpoints.json", "epoch_4.pth", "latest.pth"]


def test_a_second_run_of_a_runner(tmp_path: Path) -> None:
    runner = runner_with(tmp_path, CheckpointHook(2, by_epoch=False, async_save=True), length=2)
    runner.run([loader(4)], [("train", 1)])
    runner.run([loader(4)], [("train", 1)], max_iters=4)
    assert {"iter_2.pth", "iter_4.pth"} < {path.name for path in tmp_path.iterdir()}
