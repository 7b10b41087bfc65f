"""The `data` section: datasets, and how loaders read them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs
from attrs import field, frozen
from attrs.validators import ge

from core.config.components import Slot
from core.config.describe import describe_value
from core.config.recipe import own_copy
from core.registries import DATASETS
from core.suggest import nearest

if TYPE_CHECKING:
    from core.config.locations import KeyPath
    from core.config.recipe import Recipe
    from core.config.sections.context import Context

SPLITS = ("train", "val", "test")
LOADERS = tuple(f"{split}_dataloader" for split in SPLITS)
PATH = ("data",)


@frozen(kw_only=True)
class LoaderOptions:
    """How a loader reads its dataset: our own options, then torch's; one without a default depends on the run.

    Args:
        samples_per_gpu: batch size on each device.
        workers_per_gpu: loader processes of each device.
        shuffle: whether the order is random; by default in training.
        seed: what the order depends on; None takes the run's.
        round_up: whether the parts of several processes are made even by repeating samples.
        drop_last: whether a last batch that is not full is left out.
        pin_memory: whether batches are put where a GPU copies them from without waiting; None does so for CUDA.
        persistent_workers: whether workers live on between epochs; None does so.
        prefetch_factor: batches that each worker loads ahead.
        timeout: seconds after which waiting for a worker is given up; 0 for never.
        collate_fn: makes a batch of samples.
        sampler: says the order of the samples.
        batch_sampler: says which samples make a batch.
        worker_init_fn: is called in each worker at its start.
        multiprocessing_context: how workers are started.
        generator: torch's generator that the loader draws from.
        pin_memory_device: the device that memory is pinned for.
        dist: whether several processes share the data; by default they do.
        num_gpus: taken over from MMCV; one process uses one device.
    """

    samples_per_gpu: int = field(default=1, validator=ge(1))
    workers_per_gpu: int = field(default=0, validator=ge(0))
    shuffle: bool
    seed: int | None = None
    round_up: bool = True
    drop_last: bool = False
    pin_memory: bool | None = None
    persistent_workers: bool | None = None
    prefetch_factor: int | None = None
    timeout: float = 0
    collate_fn: Any = None
    sampler: Any = None
    batch_sampler: Any = None
    worker_init_fn: Any = None
    multiprocessing_context: Any = None
    generator: Any = None
    pin_memory_device: str = ""
    dist: bool
    num_gpus: int = 1


LOADER_OPTIONS: dict[str, Any] = {
    option.name: option.type for option in attrs.fields(attrs.resolve_types(LoaderOptions))
}


@frozen
class DataConfig:
    """Datasets and loaders.

    Args:
        train: the training datasets; several are concatenated.
        val: those evaluated during training.
        test: those of a final test.
        defaults: loader options for all splits, such as `samples_per_gpu`.
        loaders: those of a split, by `train`, `val` and `test`.
    """

    train: list[Recipe] = field(factory=list)
    val: list[Recipe] = field(factory=list)
    test: list[Recipe] = field(factory=list)
    defaults: Mapping[str, Any] = field(factory=dict)
    loaders: Mapping[str, Mapping[str, Any]] = field(factory=dict)

    @property
    def samples_per_gpu(self) -> int:
        """Batch size on each device in training, default 1."""
        return int(self.loader("train").get("samples_per_gpu", 1))

    @property
    def workers_per_gpu(self) -> int:
        """Loader processes of each device in training, default 0."""
        return int(self.loader("train").get("workers_per_gpu", 0))

    def loader(self, split: str) -> dict[str, Any]:
        """Return the loader options of a split: its own over those for all."""
        merged: dict[str, Any] = own_copy({**self.defaults, **self.loaders.get(split, {})})
        return merged


def read_data(context: Context) -> DataConfig:
    """Read the section."""
    table = context.table("data")
    if table is None:
        if context.training and context.data.get("data") is None:
            context.missing("data")
        return DataConfig()
    splits = {split: _datasets(context, split, table) for split in SPLITS}
    if context.training and table.get("train") is None:
        context.report.missing(PATH, "there is nothing to train on: data.train is not given")
    elif not context.training and table.get("test") is None:
        context.report.missing(PATH, "there is nothing to test on: data.test is not given")
    loaders = {split: _loader(context, name, table) for split, name in zip(SPLITS, LOADERS, strict=True)}
    defaults = _defaults(context, table)
    return DataConfig(**splits, defaults=defaults, loaders=loaders)


def _datasets(context: Context, split: str, table: Mapping[str, Any]) -> list[Recipe]:
    value = table.get(split)
    return [] if value is None else context.components.recipes((*PATH, split), value, Slot(DATASETS))


def _loader(context: Context, name: str, table: Mapping[str, Any]) -> Mapping[str, Any]:
    options = table.get(name)
    if options is None:
        return {}
    path = (*PATH, name)
    if not isinstance(options, Mapping):
        context.report.error(path, expected="dict", found=describe_value(options))
        return {}
    for key, value in options.items():
        if key in LOADER_OPTIONS:
            _check_option(context, (*path, key), value)
        elif near := nearest(str(key), LOADER_OPTIONS):
            context.report.error((*path, key), "unknown key", suggestion=near[0])
        else:
            context.report.warn((*path, key), "unknown key, handed on to the loader")
    return options


def _check_option(context: Context, path: KeyPath, value: Any) -> None:
    key = path[-1]
    least = {"samples_per_gpu": 1, "workers_per_gpu": 0}.get(key)
    if context.report.typed(path, value, LOADER_OPTIONS[key]) and least is not None and value < least:
        context.report.error(path, f"must be at least {least}, got {value}")


def _defaults(context: Context, table: Mapping[str, Any]) -> dict[str, Any]:
    found = {}
    names = (*SPLITS, *LOADERS, *LOADER_OPTIONS)
    for key, value in table.items():
        path = (*PATH, key)
        if key in LOADER_OPTIONS:
            _check_option(context, path, value)
            found[key] = value
        elif key in SPLITS or key in LOADERS:
            continue
        elif near := nearest(str(key), names, cutoff=0.8):
            context.report.error(path, "unknown key", suggestion=near[0])
        else:
            context.report.warn(path, "unknown key, without effect")
    return found
