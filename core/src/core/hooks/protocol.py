"""What a hook may ask of the runner that calls it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import torch

    from core.checkpoint import Writer
    from core.runner.log_buffer import LogBuffer


class Runner(Protocol):
    """The runner as hooks see it: counters, the objects of the run and a few services.

    `iter`, `epoch` and `inner_iter` count from 0; `max_epochs` or `max_iters` is None where the run
    does not know it. `in_step` says that all processes of the group call the same hooks.
    """

    model: torch.nn.Module
    optimizer: Any  # one optimizer or a dict of them; MMCV's hooks look inside either without asking
    logger: logging.Logger
    meta: dict[str, Any] | None
    work_dir: str | None
    mode: str | None
    data_batch: Any
    data_loader: Any
    outputs: Any
    log_buffer: LogBuffer
    metrics: dict[str, Any]
    timestamp: str
    writer: Writer
    in_step: bool

    @property
    def epoch(self) -> int: ...
    @property
    def iter(self) -> int: ...
    @property
    def inner_iter(self) -> int: ...
    @property
    def max_epochs(self) -> int | None: ...
    @property
    def max_iters(self) -> int | None: ...
    @property
    def completed_iters(self) -> int: ...
    @property
    def rank(self) -> int: ...
    @property
    def world_size(self) -> int: ...
    @property
    def model_name(self) -> str: ...
    @property
    def hooks(self) -> list[Any]: ...
    @property
    def stop_reason(self) -> str | None: ...

    def stop(self, reason: str) -> None: ...
    def call_hook(self, fn_name: str) -> None: ...
    def run_again(self) -> dict[str, Any]: ...
    def evaluation_weights(self) -> AbstractContextManager[None]: ...
    def run_iter(self, data_batch: Any, train_mode: bool, **kwargs: Any) -> None: ...
    def resume(self, checkpoint: str) -> None: ...
    def collect_generators(self) -> None: ...
    def current_lr(self) -> list[float] | dict[str, list[float]]: ...
    def current_momentum(self) -> list[float] | dict[str, list[float]]: ...
    def save_checkpoint(
        self,
        out_dir: str,
        filename_tmpl: str = ...,
        save_optimizer: bool = ...,
        meta: Mapping[str, Any] | None = ...,
        create_symlink: bool = ...,
    ) -> str: ...
