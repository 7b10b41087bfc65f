"""Building everything a checked config names: datasets and loaders, model, optimizer, hooks, runner."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import DataLoader

from core.config.sections.evaluation import PATH as EVALUATION
from core.data.dataset import build_dataset
from core.data.failures import WorkerSetup
from core.data.loader import SeededLoader, build_dataloader, close_loader, end_workers
from core.distributed.env import get_dist_info
from core.optim.build import build, is_several
from core.optim.table import as_text
from core.runner.base import BaseRunner
from core.runner.hook_plan import planned_hooks

if TYPE_CHECKING:
    from core.config.recipe import Recipe
    from core.config.schema import RunConfig


class Assembly:
    """The parts of one run.

    Args:
        config: the checked config.
        device: where the model lives.
        seed: what data order and augmentation depend on.
        logger: the run's logger.
        world_size: how many processes train together; None for those of the process group.
        deaf: whether loader workers leave signals that tell the run to end to this process.
    """

    def __init__(
        self,
        config: RunConfig,
        device: torch.device,
        seed: int,
        logger: logging.Logger,
        world_size: int | None = None,
        *,
        deaf: bool = False,
    ) -> None:
        self.config, self.device, self.seed, self.logger = config, device, seed, logger
        self.deaf = deaf
        self.world_size = get_dist_info()[1] if world_size is None else world_size
        self._loaders: list[DataLoader[Any]] = []

    def close(self, *, hurry: bool = False) -> None:
        """End the workers of all loaders that were built.

        Args:
            hurry: whether some of them are known to hang; torch would wait for each.
        """
        if self.deaf and hurry:
            end_workers()
        for loader in self._loaders:
            close_loader(loader)
        if self.deaf:
            end_workers()

    def reseed(self, seed: int) -> None:
        """Let all loaders that were built depend on another seed."""
        self.seed = seed
        for loader in self._loaders:
            if isinstance(loader, SeededLoader):
                loader.reseed(seed)

    def model(self) -> torch.nn.Module:
        """Build the model, let it initialise its weights, and put it on the device."""
        if self.config.model is None:
            raise TypeError("the config has no model")
        model: torch.nn.Module = self.config.model.build()
        if not isinstance(model, torch.nn.Module):
            raise TypeError(f"model {self.config.model.name!r} is a {type(model).__name__}, no torch.nn.Module")
        init_weights: Any = getattr(model, "init_weights", None)
        if callable(init_weights):
            init_weights()
        return model.to(self.device)

    def parallel(self, model: torch.nn.Module) -> torch.nn.Module:
        """Wrap the model for several processes; for one it stays as it is."""
        if get_dist_info()[1] == 1:
            return model
        from core.distributed.parallel import ParallelModel

        return ParallelModel(model, self.device, self.config.find_unused_parameters)

    def loader(self, split: str, dataset: Any, *, training: bool) -> DataLoader[Any]:
        """Build the loader of a split: shuffled for training unless the config says otherwise."""
        options = self.config.data.loader(split)
        options.setdefault("shuffle", training)
        options.setdefault("seed", self.seed)
        if self.config.mp_start_method is not None:
            options.setdefault("multiprocessing_context", self.config.mp_start_method)
        loader = build_dataloader(dataset, device=self.device, **options)
        setup = loader.worker_init_fn
        if self.deaf and isinstance(setup, WorkerSetup):
            setup.deaf = True
        self._loaders.append(loader)
        return loader

    def train_loaders(self) -> list[DataLoader[Any]]:
        """Build one loader for each entry of the workflow."""
        data = self.config.data
        loaders = []
        for mode, _ in self.config.workflow:
            if mode == "val":
                # A loss needs the labels that the pipeline of a test leaves out: MMCV's downstream projects
                # validate in the workflow with the training pipeline, and so do we.
                pipeline = data.train[0].arguments.get("pipeline") if data.train else None
                recipes = [_with_pipeline(recipe, pipeline) for recipe in data.val]
                loaders.append(self.loader("val", build_dataset(recipes), training=False))
            else:
                loaders.append(self.loader("train", build_dataset(data.train), training=True))
        return loaders

    def eval_loader(self, split: str) -> DataLoader[Any]:
        """Build the loader of an evaluation."""
        recipes = getattr(self.config.data, split)
        return self.loader(split, build_dataset(recipes, test_mode=True), training=False)

    def optimizer(self, model: torch.nn.Module) -> Any:
        """Build the optimizer or optimizers, and log which parameters have which lr and weight decay, and why."""
        section = self.optimizer_section()
        if section is None:
            return None
        built = build(model, section)
        self.logger.info("parameter groups:\n%s", as_text(built))
        return built.optimizer

    def optimizer_section(self) -> Mapping[str, Any] | None:
        """Return the table of the optimizer or optimizers, the learning rate scaled if the config asks for it."""
        if self.config.optimizer is None:
            return None
        scale = self._lr_scale()
        raw: Mapping[str, Any] = self.config.optimizer.raw
        if scale != 1:
            raw = {n: _scaled(o, scale) for n, o in raw.items()} if is_several(raw) else _scaled(raw, scale)
        return raw

    def _lr_scale(self) -> float:
        section = self.config.auto_scale_lr
        if section is None or not section.enable or not section.base_batch_size:
            return 1
        total = self.config.data.samples_per_gpu * self.world_size
        scale = total / section.base_batch_size
        self.logger.info(
            "auto_scale_lr: the lr was chosen for batches of %d; this run's hold %d, so it is multiplied by %g",
            section.base_batch_size,
            total,
            scale,
        )
        return scale

    def register_hooks(self, runner: BaseRunner, *, validate: bool) -> None:
        """Register the hooks of all sections in MMCV's order."""
        for recipe in planned_hooks(self.config, validate=validate, several=get_dist_info()[1] > 1):
            injected = {"dataloader": self.eval_loader("val")} if recipe.path == EVALUATION else {}
            priority = "NORMAL" if recipe.priority is None else recipe.priority
            runner.register_hook(recipe.build(**injected), priority, recipe.component.provider)


def _scaled(options: Mapping[str, Any], scale: float) -> dict[str, Any]:
    return {**options, "lr": options["lr"] * scale} if "lr" in options else dict(options)


def _with_pipeline(recipe: Recipe, pipeline: Any) -> Recipe:
    if pipeline is None or "pipeline" not in recipe.arguments:
        return recipe
    from attrs import evolve

    return evolve(recipe, arguments={**recipe.arguments, "pipeline": pipeline})
