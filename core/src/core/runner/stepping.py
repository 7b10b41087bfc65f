"""How a runner has its model answer a batch, and answer it again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from core.config.recipe import own_copy
from core.device import move
from core.errors import RunStateError
from core.runner.log_buffer import LogBuffer
from core.runner.step import forward_step
from core.seeding import restore_rng_state, rng_state


class Stepping:
    """The part of a runner that runs its model.

    Args:
        model: any module; see `core.runner.step` for how it is called.
        optimizer: passed to the model's step.
        batch_processor: MMCV's old way to step: called with `(model, batch, train_mode=...)`.
    """

    def __init__(self, model: torch.nn.Module, optimizer: Any, batch_processor: Callable[..., Any] | None) -> None:
        self.model, self.optimizer, self.batch_processor = model, optimizer, batch_processor
        self.device: torch.device | None = None  # where batches go; None leaves them where they are
        self.autocast: Any = None  # a context that the model's steps run in, such as torch.autocast
        self.data_batch: Any = None
        self.outputs: Any = None
        self.log_buffer = LogBuffer()
        self._repeats = False  # whether an optimizer needs steps to be run again
        self._repeatable: tuple[Any, dict[str, Any], dict[str, Any]] | None = None

    @property
    def model_name(self) -> str:
        """The class name of the model, without a parallel wrapper."""
        return type(getattr(self.model, "module", self.model)).__name__

    def run_iter(self, data_batch: Any, train_mode: bool, **kwargs: Any) -> None:
        """Run the model on one batch and collect what it answers.

        Args:
            data_batch: what the loader gave.
            train_mode: whether to train (`train_step`) or to validate (`val_step`).
            **kwargs: passed on to the model's step.

        Raises:
            TypeError: if the step answers with anything but a dict.
        """
        if self.device is not None:
            data_batch = self.data_batch = move(data_batch, self.device)
        if self._repeats and train_mode:
            self._repeatable = own_copy(data_batch), kwargs, rng_state()
        outputs = self._answer(data_batch, train_mode, kwargs)
        if "log_vars" in outputs:
            self.log_buffer.update(outputs["log_vars"], outputs.get("num_samples", 1))
        self.outputs = outputs

    def run_again(self) -> dict[str, Any]:
        """Run the training step of this iteration once more, on the same batch and with the same random numbers.

        Neither log nor `outputs` change, and later random numbers are those that would have come anyway.

        Returns:
            what the model answers at its present weights.

        Raises:
            RunStateError: if no training step was run yet, or no optimizer needs this.
        """
        if self._repeatable is None:
            raise RunStateError("there is no training step to run again: it is kept for optimizers with needs_closure")
        batch, kwargs, before = self._repeatable
        now = rng_state()
        restore_rng_state(before)
        try:
            return self._answer(own_copy(batch), True, kwargs)
        finally:
            restore_rng_state(now)

    def _answer(self, data_batch: Any, train_mode: bool, kwargs: dict[str, Any]) -> dict[str, Any]:
        """Return what the model answers to a batch."""
        if self.batch_processor is not None:
            outputs = self.batch_processor(self.model, data_batch, train_mode=train_mode, **kwargs)
        elif self.autocast is None:
            outputs = self._step(data_batch, train_mode, kwargs)
        else:
            with self.autocast:
                outputs = self._step(data_batch, train_mode, kwargs)
        if not isinstance(outputs, dict):
            raise TypeError(f"{self.model_name} must answer a step with a dict, got {type(outputs).__name__}")
        return outputs

    def _step(self, batch: Any, train_mode: bool, kwargs: dict[str, Any]) -> Any:
        step = getattr(self.model, "train_step" if train_mode else "val_step", None)
        if step is None:
            return forward_step(self.model, batch)
        return self._call_step(step, batch, train_mode, kwargs)

    def _call_step(self, step: Callable[..., Any], batch: Any, train_mode: bool, kwargs: dict[str, Any]) -> Any:
        return step(batch, self.optimizer, **kwargs)
