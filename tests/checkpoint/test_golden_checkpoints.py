"""Every recorded folder of checkpoints: which files stand there when, and what is in them."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import golden
import pytest
import torch
from golden_models import TinyNet, loader
from runs import Recorder, make_runner

CASES = golden.cases("checkpoints")
OURS = {"checkpoints.json"}


def listing(root: Path) -> list[str]:
    names = []
    for path in sorted(root.rglob("*")):
        if path.is_symlink():
            names.append(f"{path.relative_to(root)} -> {path.readlink()}")
        elif path.is_file() and path.name not in OURS and not path.name.startswith("."):
            names.append(str(path.relative_to(root)))
    return names


def optimizer_of(name: Any, model: Any) -> Any:
    if name is None or name == "none":
        return None
    if name == "dict":
        return {
            "g": torch.optim.SGD(model.fc1.parameters(), lr=0.1),
            "d": torch.optim.SGD(model.fc2.parameters(), lr=0.1),
        }
    return torch.optim.SGD(model.parameters(), lr=0.1)


def play(case: dict[str, Any], root: Path) -> tuple[Any, list[Any]]:
    case = copy.deepcopy(case)
    (root / "work" / "exp1").mkdir(parents=True)

    def real(value: Any) -> Any:
        if isinstance(value, str):
            return value.replace("$WORK", str(root / "work" / "exp1")).replace("$TMP", str(root))
        if isinstance(value, dict):
            return {key: real(item) for key, item in value.items()}
        return value

    model = TinyNet()
    if any("CLASSES" in entry["meta"] for entry in case["content"].values()):
        model.CLASSES = ["cat", "dog"]
    runner = make_runner(
        case["runner"],
        model,
        optimizer_of(case["optimizer"], model),
        work_dir=str(root / "work" / "exp1"),
        meta=real(case["meta"]),
    )
    steps: list[Any] = []

    def note(point: str) -> Any:
        def read(r: Any) -> None:
            files = listing(root)
            if not steps or steps[-1][3] != files:
                steps.append([point, r.epoch, r.iter, files])

        return read

    runner.register_training_hooks(None, None, real(case["checkpoint_config"]))
    for point in ("before_run", "after_train_iter", "after_train_epoch"):
        runner.register_hook(Recorder(point, note(point)), "LOWEST")
    try:
        runner.run([loader(case["iters_per_epoch"])], [("train", 1)])
    except Exception as error:
        runner.failure = error
    return runner, steps


def content(path: Path, root: Path) -> dict[str, Any]:
    loaded = torch.load(path, weights_only=True)
    meta = dict(loaded["meta"])
    meta["time"] = True
    shown = {
        "keys": [key for key in loaded if key != "hookloom"],
        "meta": symbolic(meta, root),
        "state_dict": list(loaded["state_dict"]),
    }
    shown["optimizer"] = sorted(loaded["optimizer"]) if "optimizer" in loaded else None
    return shown


def symbolic(value: Any, root: Path) -> Any:
    if isinstance(value, str):
        return value.replace(str(root), "$TMP")
    if isinstance(value, dict):
        return {key: symbolic(item, root) for key, item in value.items()}
    return value


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_files(case: dict[str, Any], tmp_path: Path) -> None:
    runner, steps = play(case, tmp_path)
    epoch_runner = case["runner"]["type"].startswith("Epoch")
    if "error" in case:
        assert isinstance(runner.failure, TypeError)
        assert "'unknown'" in str(runner.failure)
        assert steps == case["steps"]
        assert listing(tmp_path) == case["final"]
        return
    assert not hasattr(runner, "failure"), runner.failure
    assert symbolic((runner.meta or {}).get("hook_msgs"), tmp_path) == case["hook_msgs"]
    if epoch_runner and (case["checkpoint_config"] or {}).get("by_epoch") is False:
        check_iterations_on_the_epoch_runner(case, tmp_path, steps)
        return
    assert steps == case["steps"]
    assert listing(tmp_path) == case["final"]
    for name, expected in case["content"].items():
        found = content(tmp_path / name, tmp_path)
        if not epoch_runner:
            # A deliberate difference: the file says how many iterations are done; MMCV's says one less.
            expected = {**expected, "meta": {**expected["meta"], "iter": expected["meta"]["iter"] + 1}}
        assert found == expected, name


def check_iterations_on_the_epoch_runner(case: dict[str, Any], root: Path, steps: list[Any]) -> None:
    """A deliberate difference: such files are named after the iteration, and none is overwritten.

    MMCV writes `epoch_N.pth` over and over, while it prunes and announces `iter_N.pth`; only what it announces
    (`hook_msgs`) is the same here.
    """
    config = case["checkpoint_config"]
    length = case["iters_per_epoch"]
    total = case["runner"]["max_epochs"] * length
    interval, keep = config.get("interval", -1), config.get("max_keep_ckpts", -1)
    template = config.get("filename_tmpl", "iter_{}.pth")
    folder = "out/exp1" if config.get("out_dir", "").startswith("$TMP") else "work/exp1"
    expected: list[Any] = [["before_run", 0, 0, []]]
    standing: list[int] = []
    previous = None
    for number in range(1, total + 1):
        if not ((interval > 0 and number % interval == 0) or (config.get("save_last", True) and number == total)):
            continue
        standing.append(number)
        for old in range(number - keep * interval, 0, -max(interval, 1)) if keep > 0 else ():
            if old not in standing:
                break
            standing.remove(old)
        files = [f"{folder}/{template.format(one)}" for one in standing]
        if config.get("create_symlink", True):
            files.append(f"{folder}/latest.pth -> {template.format(number)}")
        expected.append(["after_train_iter", (number - 1) // length, number - 1, sorted(files)])
        previous = (number, previous)
    assert steps == expected
    recorded = next(iter(case["content"].values()), {})
    links = {"last_ckpt": None}
    while previous is not None:
        number, previous = previous
        if number not in standing:
            continue
        links = {"last_ckpt": f"$TMP/{folder}/{template.format(previous[0])}"} if previous else {}
        facts = {**recorded["meta"], "hook_msgs": links, "epoch": (number - 1) // length, "iter": number}
        if not links:
            del facts["hook_msgs"]
        found = content(root / folder / template.format(number), root)
        assert found == {**recorded, "meta": facts}
