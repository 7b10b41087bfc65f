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
    if "error" in case:
        assert isinstance(runner.failure, Exception)
        assert listing(tmp_path) == case["final"]
        return
    assert not hasattr(runner, "failure"), runner.failure
    epoch_runner = case["runner"]["type"].startswith("Epoch")
    if epoch_runner and (case["checkpoint_config"] or {}).get("by_epoch") is False:
        check_iterations_on_the_epoch_runner(case, tmp_path)
        return
    assert steps == case["steps"]
    assert listing(tmp_path) == case["final"]
    assert symbolic((runner.meta or {}).get("hook_msgs"), tmp_path) == case["hook_msgs"]
    for name, expected in case["content"].items():
        found = content(tmp_path / name, tmp_path)
        if not epoch_runner:
            # The file says how many iterations are done; MMCV's says one less.
            expected = {**expected, "meta": {**expected["meta"], "iter": expected["meta"]["iter"] + 1}}
        assert found == expected, name


def check_iterations_on_the_epoch_runner(case: dict[str, Any], root: Path) -> None:
    """A deliberate difference: such files are named after the iteration, and none is overwritten."""
    config = case["checkpoint_config"]
    total = case["runner"]["max_epochs"] * case["iters_per_epoch"]
    interval, keep = config.get("interval", -1), config.get("max_keep_ckpts", -1)
    due: list[int] = []
    for number in range(1, total + 1):
        if (interval > 0 and number % interval == 0) or (config.get("save_last", True) and number == total):
            due.append(number)
            for old in range(number - keep * interval, 0, -max(interval, 1)) if keep > 0 else ():
                if old not in due:
                    break
                due.remove(old)
    template = config.get("filename_tmpl", "iter_{}.pth")
    files = [name for name in listing(root) if "->" not in name]
    assert sorted(Path(name).name for name in files) == sorted(template.format(n) for n in due)
    for name in files:
        saved = torch.load(root / name, weights_only=True)
        assert template.format(saved["meta"]["iter"]) == Path(name).name
        assert saved["hookloom"]["iter"] == saved["meta"]["iter"]
