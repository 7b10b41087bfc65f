"""Checks of what an optimizer is used under: loss scaling, torch.compile, a device that it must not wait for."""

from __future__ import annotations

import logging
import traceback
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from core.testing.check import NotApplicable, Suite, expect, offered, said
from core.testing.optimizer_options import gap
from core.testing.optimizer_subject import OptimizerSubject, closure_of
from core.testing.weights import copies, distance, equal, set_gradients

SURROUNDINGS = Suite()
SCALE = 1024.0


@SURROUNDINGS.check
def grad_scaler(s: OptimizerSubject) -> None:
    """Under a GradScaler it goes where it goes without, and a step with infinite gradients is left out."""
    offered(not s.has("needs_closure"), "torch's GradScaler takes no closure (needs_closure)")
    usual, params = s.result(), s.weights()
    optimizer = s.build(params)
    scaler = torch.amp.GradScaler("cpu", init_scale=SCALE, growth_interval=1000)
    for _ in range(3):
        _scaled_step(scaler, optimizer, params)
    expect(distance(usual, params) <= 1e-5, f"{gap(usual, params)} from three steps without it")
    before = copies(params)
    _scaled_step(scaler, optimizer, params, float("inf"))
    expect(equal(before, params), "weights move in a step with infinite gradients")
    _scaled_step(scaler, optimizer, params)
    expect(not equal(before, params), "weights stand still in the step after it")


@SURROUNDINGS.check
def compile(s: OptimizerSubject) -> None:
    """`torch.compile(optimizer.step)` does what the step itself does."""
    offered(not s.has("needs_closure"), "a closure is not compiled (needs_closure)")
    # Each shape is traced anew; one matrix and one vector are what formulas tell apart.
    shapes = () if s.has("needs_split") else ((4, 3), (5,))
    usual, params = s.weights(*shapes), s.weights(*shapes)
    s.trained(usual)
    optimizer = s.build(params)
    # Tracing is what an optimizer can get in the way of; what a backend makes of the graph is torch's affair.
    step = torch.compile(optimizer.step, backend="aot_eager")
    talk = logging.root.manager.disable
    logging.disable(logging.WARNING)  # torch logs what it leaves out of every optimizer's graph
    try:
        for _ in range(3):
            set_gradients(params)
            step()  # type: ignore[no-untyped-call]
    finally:
        logging.disable(talk)
        torch.compiler.reset()
    expect(distance(usual, params) <= 1e-4, f"{gap(usual, params)} from the step itself")


@SURROUNDINGS.check
def no_waiting(s: OptimizerSubject) -> None:
    """A step reads no value of a weight, gradient or state: on an accelerator it would wait for the device."""
    watch = _Watch()
    # Tensors of the meta device have no values, so that whatever reads one fails; no accelerator is needed.
    params = s.weights(device="meta")
    try:
        optimizer = s.build(params, **({"foreach": True} if s.takes("foreach") else {}))
        with watch:
            for _ in range(3):
                for param in params:
                    param.grad = torch.empty_like(param)
                optimizer.step((lambda: torch.zeros((), device="meta")) if s.has("needs_closure") else None)
    except Exception as error:
        if watch.read is None:
            raise NotApplicable(f"it cannot be tried without an accelerator: {said(error)}") from error
    expect(watch.read is None, f"{watch.read} at {watch.place}")


@SURROUNDINGS.check
def nothing_global(s: OptimizerSubject) -> None:
    """Building and stepping it draws no random number and changes no setting of torch."""
    before = _settings()
    s.result()
    after = _settings()
    changed = [name for name, value in before.items() if not _same(value, after[name])]
    expect(not changed, f"changed: {', '.join(changed)}")


class _Watch(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes the first operation that brings a value of a tensor to the processor, and who asked for it."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.read: str | None = None
        self.place = ""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = str(func.overloadpacket).rpartition(".")[2]
        first = args[0] if args else None
        if isinstance(first, Tensor) and first.is_meta and self.read is None:
            to_cpu = name == "_to_copy" and str((kwargs or {}).get("device", "")).startswith("cpu")
            if to_cpu or name in ("_local_scalar_dense", "is_nonzero", "nonzero", "equal", "masked_select"):
                self.read = "a copy to the processor" if to_cpu else f"{name} reads a value"
                self.place = _caller()
        return func(*args, **(kwargs or {}))


def _caller() -> str:
    """Name the innermost line of a step that is not of this module or of torch's own machinery."""
    inner = ("core/testing/", "torch/_", "torch/utils/", "torch/optim/optimizer.py")
    frames = [one for one in traceback.extract_stack() if not any(part in one.filename for part in inner)]
    return f"{frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}: {frames[-1].line}" if frames else "torch"


def _scaled_step(scaler: torch.amp.GradScaler, optimizer: Any, params: list[Any], factor: float = SCALE) -> None:
    scaler.scale(closure_of(params)())  # which also sets the gradients
    for param in params:
        param.grad.mul_(factor)
    scaler.step(optimizer)
    scaler.update(SCALE)


def _settings() -> dict[str, Any]:
    return {
        "torch's generator": torch.get_rng_state(),
        "whether gradients are recorded": torch.is_grad_enabled(),
        "the default dtype": torch.get_default_dtype(),
        "deterministic algorithms": torch.are_deterministic_algorithms_enabled(),
        "the number of threads": torch.get_num_threads(),
        "the precision of products": torch.get_float32_matmul_precision(),
        "anomaly detection": torch.is_anomaly_enabled(),
    }


def _same(one: Any, other: Any) -> bool:
    return torch.equal(one, other) if isinstance(one, Tensor) else bool(one == other)
