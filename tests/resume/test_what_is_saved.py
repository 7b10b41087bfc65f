"""The parts of a place: logged values, light outputs, options of hooks, and batches of another size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
import torch
from resumable import QUIET, Net, Noisy

from core import EpochBasedRunner, Hook, IterBasedRunner, LogBuffer, hook
from core.data.loader import build_dataloader
from core.hooks.describe import described
from core.hooks.grad_clip import GradClip
from core.hooks.optimizer import OptimizerHook
from core.runner.place import light


def test_a_log_goes_on_averaging() -> None:
    values = [torch.tensor(0.1), 0.25, np.float32(0.3), np.array(0.7), 3]
    whole, first, second = LogBuffer(), LogBuffer(), LogBuffer()
    for place, value in enumerate(values):
        whole.update({"loss": value}, place + 1)
    for place, value in enumerate(values[:3]):
        first.update({"loss": value, "bad": torch.ones(2)}, place + 1)
    state = first.state_dict()
    assert list(state["values"]) == ["loss"]
    first.update({"loss": 5.0})
    second.output["stale"] = 1
    second.load_state_dict(state)
    for place, value in enumerate(values[3:], 3):
        second.update({"loss": value}, place + 1)
    for buffer in (whole, second):
        buffer.average(4)
    assert second.output == whole.output


def test_outputs_without_what_is_large() -> None:
    loss = torch.ones(1, requires_grad=True).sum()
    outputs = {"loss": loss, "log_vars": {"loss": 0.5, "map": torch.ones(3)}, "num_samples": np.int64(4), "image": [1]}
    kept = light(outputs)
    assert kept == {"loss": loss, "log_vars": {"loss": 0.5}, "num_samples": 4}
    assert not kept["loss"].requires_grad
    assert light(None) is None


@hook
class Declared(Hook):
    size: int = 3
    shape: list[int] = attrs.field(factory=list)
    clip: GradClip | None = None
    seen: int = attrs.field(default=0, init=False)


class Plain:
    def __init__(self, size: int = 3, names: Any = ("a",), loader: Any = None, *rest: Any, **more: Any) -> None:
        self.size, self.names, self.loader = size, names, loader

    @property
    def rest(self) -> Any:
        raise RuntimeError("not before the run")


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (Declared(), {"shape": []}),
        (Declared(size=4, shape=[1], clip=GradClip(1.0)), {"size": 4, "shape": [1], "clip": dict(GradClip(1.0))}),
        (OptimizerHook(), {}),
        (Plain(), {}),
        (Plain(4, ["a"], object()), {"size": 4}),
        (Plain(names={"b": (1, 2)}), {"names": {"b": [1, 2]}}),
        (Plain(names=list(range(200))), {}),
        (object(), {}),
    ],
)
def test_options_of_a_hook(made: Any, expected: dict[str, Any]) -> None:
    assert described(made) == expected


@pytest.mark.parametrize("kind", [EpochBasedRunner, IterBasedRunner])
@pytest.mark.parametrize(("before", "after", "done"), [(2, 3, 4), (4, 2, 3), (3, 3, 2), (6, 4, 1)])
def test_no_sample_is_left_out_when_batches_change(
    tmp_path: Path, kind: Any, before: int, after: int, done: int
) -> None:
    """`done` batches of an epoch of 12 samples are trained on with the size `before`, the rest with `after`."""
    order = [index for batch in build_dataloader(range(12), 1, seed=2) for index in batch.tolist()]

    def run(size: int, resume: str | None) -> tuple[str, list[int]]:
        model = Net()
        data = Noisy(12)
        length = {"max_epochs": 1} if kind is EpochBasedRunner else {"max_iters": done if resume is None else done + 99}
        runner = kind(model, optimizer=torch.optim.SGD(model.parameters(), lr=0.1), logger=QUIET, meta={}, **length)
        runner.register_training_hooks({"policy": "fixed"}, {})
        stop = Stop(str(tmp_path), done if resume is None else None)
        runner.register_hook(stop)
        if resume is not None:
            runner.resume(resume)
        with pytest.raises(KeyboardInterrupt):
            runner.run([build_dataloader(data, size, seed=2)], [("train", 1)])
        return stop.path, data.read

    path, first = run(before, None)
    assert first == order[: before * done]
    _, second = run(after, path)
    rest = order[before * done // after * after :]
    assert second[: len(rest)] == rest


class Stop(Hook):
    def __init__(self, folder: str, iteration: int | None) -> None:
        self.folder, self.iteration, self.path = folder, iteration, ""
        self.left = 12

    def after_train_iter(self, runner: Any) -> None:
        self.left -= 1
        if runner.iter + 1 == self.iteration:
            self.path = runner.save_checkpoint(self.folder, "stop.pth", create_symlink=False)
            raise KeyboardInterrupt
        if self.left == 0 and self.iteration is None:
            raise KeyboardInterrupt

    def after_train_epoch(self, runner: Any) -> None:
        raise KeyboardInterrupt
