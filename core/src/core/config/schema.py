"""Everything a config can say, as one typed object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import attrs
from attrs import field, frozen

from core.config.recipe import Recipe
from core.config.sections.data import DataConfig
from core.config.sections.loggers import LogConfig
from core.config.sections.optimizer import OptimizerConfig
from core.config.sections.runner import RunnerConfig
from core.config.sections.tables import AutoScaleLr, CustomImports, PluginSwitches, ResumeConfig

# Marks keys whose value needs no more than its type.
PLAIN = {"plain": True}


@frozen(kw_only=True)
class RunConfig:
    """A checked config: nothing in it is built yet.

    Args:
        model: any `torch.nn.Module`: its `train_step(data, optimizer)` if it has one, else the batch goes to
            `forward`, which answers with a loss or a dict of losses.
        data: datasets and how they are loaded.
        optimizer: the optimizer with its constructor, or several by name, each for the sub-module of its name;
            none for a model that steps its own.
        optimizer_config: the hook that steps the optimizer; with `fp16` it is the mixed-precision one.
        lr_config: the learning-rate policy.
        momentum_config: the momentum policy.
        runner: the runner and the length of the run.
        workflow: phases and their lengths, such as `[('train', 1), ('val', 1)]`.
        checkpoint_config: the hook that saves; keys that are not its own go to the runner's `save_checkpoint`.
        log_config: the logger hooks and the interval they share.
        evaluation: the hook that evaluates `data.val`; keys that are not its own go to the dataset's `evaluate`.
            Its `by_epoch` follows the runner.
        dist_evaluation: the same on several processes.
        custom_hooks: further hooks, one or a list.
        custom_imports: modules that are imported before anything is looked up, so that they can register
            components.
        fp16: options of mixed precision, such as `dict(loss_scale='dynamic')` or `{}`: the optimizer hook scales
            the loss, and the forward pass is autocast.
        work_dir: where the run writes; `--work-dir` wins; `./work_dirs/<config name>` without either.
        resume_from: a checkpoint with which everything goes on.
        load_from: a checkpoint, or its address, of which only the weights are taken; resuming wins.
        auto_resume: go on with the newest valid checkpoint of the work directory, if there is one.
        resume: True as `auto_resume`, a path as `resume_from`, or a table that says more.
        seed: seeds every generator; without it one is drawn.
        deterministic: ask torch for deterministic algorithms.
        log_level: name or number of the least level that is logged.
        dist_params: `backend` and further arguments of torch's process group; nccl without a GPU becomes gloo.
        find_unused_parameters: passed to DistributedDataParallel.
        cudnn_benchmark: let cuDNN try which algorithm is fastest.
        opencv_num_threads: OpenCV's threads, set where OpenCV is imported.
        mp_start_method: how loader workers are started.
        gpu_ids: GPUs of a run in one process; the first is used.
        exp_name: name of the run in logs and checkpoints.
        auto_scale_lr: scales the lr to the batch size: with `dict(enable=True, base_batch_size=256)` the optimizer's
            lr was chosen for 256 samples an iteration; it is multiplied by `samples_per_gpu` times the number of
            processes, divided by 256, and the log says so. Gradient accumulation does not count, as in MMDetection.
        device: such as `cpu` or `cuda:1`; `--device` wins; the best one there is without either.
        plugins: which distributions may take part.
        variables: the user's own top-level names.
    """

    model: Recipe | None = None
    data: DataConfig = field(factory=DataConfig)
    optimizer: OptimizerConfig | None = None
    optimizer_config: Recipe | None = None
    lr_config: Recipe | None = None
    momentum_config: Recipe | None = None
    runner: RunnerConfig | None = None
    workflow: list[tuple[str, int]] = field(factory=lambda: [("train", 1)], metadata=PLAIN)
    checkpoint_config: Recipe | None = None
    log_config: LogConfig = field(factory=LogConfig)
    evaluation: Recipe | None = None
    dist_evaluation: Recipe | None = None
    custom_hooks: list[Recipe] = field(factory=list)
    custom_imports: CustomImports | None = field(default=None, metadata=PLAIN)
    fp16: Mapping[str, Any] | None = field(default=None, metadata=PLAIN)
    work_dir: str | None = field(default=None, metadata=PLAIN)
    resume_from: str | None = field(default=None, metadata=PLAIN)
    load_from: str | None = field(default=None, metadata=PLAIN)
    auto_resume: bool = field(default=False, metadata=PLAIN)
    resume: bool | str | ResumeConfig | None = field(default=None, metadata=PLAIN)
    seed: int | None = field(default=None, metadata=PLAIN)
    deterministic: bool = field(default=False, metadata=PLAIN)
    log_level: str | int = field(default="INFO", metadata=PLAIN)
    dist_params: Mapping[str, Any] | None = field(default=None, metadata=PLAIN)
    find_unused_parameters: bool = field(default=False, metadata=PLAIN)
    cudnn_benchmark: bool = field(default=False, metadata=PLAIN)
    opencv_num_threads: int | None = field(default=None, metadata=PLAIN)
    mp_start_method: Literal["fork", "spawn", "forkserver"] | None = field(default=None, metadata=PLAIN)
    gpu_ids: list[int] | None = field(default=None, metadata=PLAIN)
    exp_name: str | None = field(default=None, metadata=PLAIN)
    auto_scale_lr: AutoScaleLr | None = field(default=None, metadata=PLAIN)
    device: str | None = field(default=None, metadata=PLAIN)
    plugins: PluginSwitches | None = field(default=None, metadata=PLAIN)
    variables: Mapping[str, Any] = field(factory=dict, repr=False)

    @property
    def resuming(self) -> ResumeConfig:
        """What the config says about going on with a checkpoint, whichever way it says it."""
        table = self.resume if isinstance(self.resume, ResumeConfig) else ResumeConfig(self.resume)
        return attrs.evolve(table, from_=self.resume_from or table.from_ or self.auto_resume)


# Keys that are read with another section, or that other names stand for.
ALIASES = ("optimizers", "total_epochs", "total_iters")


def known_keys() -> tuple[str, ...]:
    """Return every top-level key that means something."""
    derived = {"dist_evaluation", "variables"}
    return (*(a.name for a in attrs.fields(RunConfig) if a.name not in derived), *ALIASES)
