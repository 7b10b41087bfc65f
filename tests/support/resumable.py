"""Jobs with randomness and state wherever a run may have them, for comparing a resumed run with a whole one."""

from __future__ import annotations

import json
import logging
import random
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import torch
from torch.utils.data import BatchSampler, DataLoader, Dataset, IterableDataset, RandomSampler, get_worker_info

from core import EpochBasedRunner, EvalHook, Hook, IterBasedRunner, set_random_seed
from core.data.loader import build_dataloader, close_loader
from core.registries import HOOKS, LR_UPDATERS, MOMENTUM_UPDATERS
from core.runner.reentry import same
from core.runner.state import hook_states, optimizers_of
from core.seeding import rng_state

QUIET = logging.getLogger("resumable")
QUIET.addHandler(logging.NullHandler())
QUIET.propagate = False
QUIET.setLevel(logging.CRITICAL)

BETWEEN = "between iterations"  # of an epoch
AROUND = "between phases"  # which for the iteration runner are iterations
POINTS = tuple(
    f"{when}_{mode}_{what}" for mode in ("train", "val") for what in ("epoch", "iter") for when in ("before", "after")
)
TIMES = {"time", "data_time", "memory"}


class Noisy(Dataset[Any]):
    """Samples that draw from all three generators."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.read: list[int] = []

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        self.read.append(index)
        return sample(index)

    def evaluate(self, results: list[Any], logger: Any = None) -> dict[str, Any]:
        return {"score": float(torch.stack(list(results)).sin().sum()), "n": len(results), "each": np.arange(2.0)}


class Stream(IterableDataset[Any]):
    """The same as a stream, in an order of its own."""

    def __init__(self, size: int) -> None:
        self.size = size

    def __len__(self) -> int:
        return self.size

    def __iter__(self) -> Any:
        for index in torch.randperm(self.size).tolist()[share()]:
            yield sample(index)


class Placed(Stream):
    """A stream that knows its place."""

    at = 0

    def __iter__(self) -> Any:
        start = self.at
        for index in range(self.size)[share()][start:]:
            self.at += 1
            yield sample(index)
        self.at = 0

    def state_dict(self) -> dict[str, int]:
        return {"at": self.at}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.at = state["at"]


def share() -> slice:
    """Return which part of a stream this worker reads."""
    info = get_worker_info()
    return slice(None) if info is None else slice(info.id, None, info.num_workers)


def sample(index: int) -> dict[str, torch.Tensor]:
    x = torch.full((3,), index / 7, dtype=torch.float32)
    noise = torch.rand(3, dtype=torch.float32) + random.random() + float(np.random.rand())
    return {"x": x + noise, "y": x.sum()}


class Net(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.g = torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.BatchNorm1d(5), torch.nn.Dropout(0.4))
        self.d = torch.nn.Linear(5, 1)

    def forward(self, x: torch.Tensor, y: torch.Tensor | None = None, return_loss: bool = True) -> Any:
        out = self.d(self.g(x).relu()).squeeze(-1)
        return {"loss": ((out - y) ** 2).mean(), "spread": out.std()} if return_loss else out


class Course(Hook):
    """Keeps what every point sees; its state is the whole course, so a resumed run's is as long as a whole one's."""

    def __init__(self) -> None:
        self.rows: list[Any] = []
        for point in POINTS:
            setattr(self, point, lambda runner, point=point: self.rows.append([point, *self.seen(runner)]))

    def seen(self, runner: Any) -> list[Any]:
        loss = runner.outputs["loss"].item() if runner.outputs and runner.mode == "train" else None
        return [runner.epoch, runner.iter, runner.inner_iter, runner.current_lr(), runner.current_momentum(), loss]

    def state_dict(self) -> dict[str, Any]:
        return {"rows": list(self.rows)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.rows[:] = state["rows"]


class SaveAt(Hook):
    """Saves at every call of one point, or when it is told to; notes how many records the log had then."""

    def __init__(self, point: str, folder: Path) -> None:
        self.files: list[tuple[str, int]] = []
        self.folder = folder
        if point in POINTS:
            setattr(self, point, self.save)

    def save(self, runner: Any) -> None:
        name = f"stop_{len(self.files)}.pth"
        path = runner.save_checkpoint(str(self.folder), name, create_symlink=False)
        if Path(path).exists():
            self.files.append((path, len(records(runner))))


class Watched:
    """A loader that tells when it is asked for a batch, between two iterations."""

    def __init__(self, loader: Any) -> None:
        self.loader = loader
        self.tell: Any = lambda: None

    def __len__(self) -> int:
        return len(self.loader)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.loader, name)

    def __iter__(self) -> Any:
        self.tell()
        for batch in self.loader:
            yield batch
            self.tell()


@attrs.frozen(kw_only=True)
class Job:
    """What a run is made of."""

    kind: str = "epoch"
    workflow: tuple[tuple[str, int], ...] = (("train", 1),)
    length: int = 3
    data: str = "own"
    workers: int = 0
    optimizer: str = "sgd"
    lr: str = "step"
    momentum: bool = False
    stepping: str = "plain"
    accumulate: int = 1
    autocast: bool = False
    ema: int | None = None
    evaluation: Any = None
    log_interval: int = 2
    checkpoints: Any = None


def loader_of(job: Job, mode: str, workers: int, shared: torch.Generator) -> Any:
    size = 11 if mode == "train" else 5
    if job.data == "list":
        return list(build_dataloader(Noisy(size), 3, seed=4))
    if job.data == "torch":
        return DataLoader(Noisy(size), 3, shuffle=True, num_workers=workers)
    if job.data in ("generator", "shared"):
        generator = shared if job.data == "shared" else torch.Generator().manual_seed(4)
        return DataLoader(Noisy(size), 3, shuffle=True, generator=generator, num_workers=workers)
    if job.data in ("sampler", "batches", "owning"):
        samples = Noisy(size)
        sampler = RandomSampler(samples, generator=torch.Generator() if job.data == "owning" else None)
        own = {"batch_sampler": BatchSampler(sampler, 3, False)} if job.data == "batches" else {"sampler": sampler}
        return build_dataloader(samples, 3, workers, seed=4, **own)
    dataset: Any = {"own": Noisy, "stream": Stream, "placed": Placed}[job.data](size)
    return build_dataloader(dataset, 3, workers, seed=4)


def optimizer_of(job: Job, model: Net) -> Any:
    if job.optimizer == "several":
        return {
            "g": torch.optim.AdamW(model.g.parameters(), lr=0.02),
            "d": torch.optim.SGD(model.d.parameters(), lr=0.05, momentum=0.9),
        }
    if job.optimizer == "adamw":
        return torch.optim.AdamW(model.parameters(), lr=0.02)
    return torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)


def schedule_of(job: Job) -> Any:
    by_epoch = {"by_epoch": job.kind == "epoch"}
    options: dict[str, Any] = {
        "fixed": {},
        "step": {"step": [1, 2], "warmup": "linear", "warmup_iters": 4, **by_epoch},
        "poly": {"power": 0.9, "by_epoch": False},
        "cosineannealing": {"min_lr": 0.001, "warmup": "exp", "warmup_iters": 5, **by_epoch},
        "cyclic": {"by_epoch": False, "target_ratio": (3.0, 0.1)},
    }[job.lr]
    return LR_UPDATERS.get(job.lr)(**options)


def stepping_of(job: Job) -> Any:
    name = {"plain": "OptimizerHook", "fp16": "Fp16OptimizerHook"}[job.stepping]
    options: dict[str, Any] = {"grad_clip": {"max_norm": 5.0}}
    if job.stepping == "fp16":
        options["loss_scale"] = {"init_scale": 512.0, "growth_interval": 2}
    if job.accumulate > 1:
        name = {"plain": "GradientCumulativeOptimizerHook", "fp16": "GradientCumulativeFp16OptimizerHook"}[job.stepping]
        options["cumulative_iters"] = job.accumulate
    return HOOKS.get(name)(**options)


class Run:
    """One run of a job, whole or resumed."""

    def __init__(
        self, job: Job, folder: Path, stop: tuple[str, int], resume: str | None = None, workers: int | None = None
    ) -> None:
        self.job, self.folder = job, folder
        set_random_seed(5 if resume is None else 77)
        workers = job.workers if workers is None else workers
        self.model = Net()
        shared = torch.Generator().manual_seed(4)
        self.loaders = [loader_of(job, mode, workers, shared) for mode, _ in job.workflow]
        given = [Watched(loader) for loader in self.loaders] if stop[0] == BETWEEN else self.loaders
        build: Any = EpochBasedRunner if job.kind == "epoch" else IterBasedRunner
        length = {"max_epochs" if job.kind == "epoch" else "max_iters": job.length}
        self.runner = runner = build(
            model=self.model,
            optimizer=optimizer_of(job, self.model),
            work_dir=str(folder),
            logger=QUIET,
            meta={},
            **length,
        )
        if job.autocast:
            runner.autocast = torch.autocast("cpu", torch.bfloat16)
        momentum = MOMENTUM_UPDATERS.get("step")(step=1, by_epoch=False) if job.momentum else None
        log = {"interval": job.log_interval, "hooks": [{"type": "TextLoggerHook", "ignore_last": False}]}
        runner.register_training_hooks(schedule_of(job), stepping_of(job), job.checkpoints, log, momentum)
        if job.ema is not None:
            runner.register_hook(HOOKS.get("EMAHook")(momentum=0.1, warm_up=2), job.ema)
        if job.evaluation is not None:
            options = {"by_epoch": job.kind == "epoch", "save_best": "score", "rule": "greater", **job.evaluation}
            runner.register_hook(EvalHook(build_dataloader(Noisy(4), 2, 0, seed=9, shuffle=False), **options), "LOW")
        self.first, self.last, self.saver = Course(), Course(), SaveAt(stop[0], folder / "stops")
        runner.register_hook(self.first, "HIGHEST")
        runner.register_hook(self.last, "LOWEST")
        runner.register_hook(self.saver, stop[1])
        if resume is None:
            for loader in given:
                if isinstance(loader, Watched):
                    loader.tell = lambda: self.saver.save(runner)
        if stop[0] == AROUND:
            for name in ("train", "val"):
                setattr(runner, name, self.saving(getattr(runner, name)))
        if resume is not None:
            runner.resume(resume)
        try:
            runner.run(given, list(job.workflow))
        finally:
            for loader in self.loaders:
                close_loader(loader)

    def saving(self, phase: Any) -> Any:
        def run(loader: Any) -> None:
            self.saver.save(self.runner)
            phase(loader)

        return run

    def end(self) -> dict[str, Any]:
        """Return everything that shall be equal."""
        runner = self.runner
        return {
            "counters": [runner.epoch, runner.iter, runner.inner_iter],
            "weights": self.model.state_dict(),
            "optimizers": {name: one.state_dict() for name, one in optimizers_of(runner).items()},
            "hooks": {
                name: state for name, state in hook_states(runner.hook_manager).items() if "EvalHook" not in name
            },
            "last": str((runner.meta or {}).get("hook_msgs", {}).get("last_ckpt")).rpartition("/")[2],
            "best": [hook.best_score for hook in runner.hooks if isinstance(hook, EvalHook)],
            "rng": rng_state(),
        }

    def records(self) -> list[dict[str, Any]]:
        """Return the records of the log, without times."""
        return records(self.runner)


def records(runner: Any) -> list[dict[str, Any]]:
    path = Path(runner.work_dir) / f"{runner.timestamp}.log.json"
    lines = path.read_text().splitlines() if path.exists() else []
    rows = [json.loads(line) for line in lines]
    return [{k: v for k, v in row.items() if k not in TIMES} for row in rows if "mode" in row]


def differences(one: Any, other: Any, path: str = "") -> list[str]:
    """Return where two states differ."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        return [line for key in one for line in differences(one[key], other[key], f"{path}.{key}")]
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return [
            line for n, pair in enumerate(zip(one, other, strict=True)) for line in differences(*pair, f"{path}[{n}]")
        ]
    if same(one, other):
        return []
    return [f"{path}: {str(one)[:200]} != {str(other)[:200]}"]
