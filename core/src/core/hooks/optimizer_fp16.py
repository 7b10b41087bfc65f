"""Mixed-precision steps: a scaled loss, and no step where the gradients overflow."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import attrs
import torch

from core.errors import OptionError
from core.hooks.define import hook
from core.hooks.grad_clip import GradClip, check_grad_clip, to_grad_clip
from core.hooks.optimizer import OptimizerHook
from core.hooks.optimizer_cumulative import GradientCumulativeOptimizerHook
from core.hooks.options import is_number, positive_int
from core.suggest import did_you_mean

if TYPE_CHECKING:
    from core.hooks.protocol import Runner

SCALER_OPTIONS = ("init_scale", "growth_factor", "backoff_factor", "growth_interval", "enabled")


def check_loss_scale(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Validate a positive number, `dynamic`, or a dict of torch's GradScaler's options.

    Raises:
        OptionError: if it is anything else.
    """
    if isinstance(value, Mapping):
        for key in value:
            if key not in SCALER_OPTIONS:
                raise OptionError(f"loss_scale has no option {key!r}{did_you_mean(str(key), SCALER_OPTIONS)}")
    elif value != "dynamic" and not (is_number(value) and value > 0):
        raise OptionError(f"loss_scale must be a positive number, 'dynamic' or a dict, got {value!r}")


@hook
class Fp16OptimizerHook(OptimizerHook):
    """Step through torch's GradScaler: the loss is scaled up, an overflow of the gradients skips the step.

    Checkpoints hold the scaler's state, also where MMCV keeps it (`meta['fp16']['loss_scaler']`).

    Args:
        grad_clip: as of `OptimizerHook`; the gradients are clipped when they are scaled back.
        coalesce: known for MMCV's sake and without effect: torch reduces the gradients.
        bucket_size_mb: without effect, as `coalesce`.
        loss_scale: a number that never changes, `'dynamic'`, or options of `torch.amp.GradScaler`
            (`init_scale`, `growth_factor`, `backoff_factor`, `growth_interval`) for a dynamic one.
        distributed: without effect, as `coalesce`.
        detect_anomalous_params: as of `OptimizerHook`.
    """

    gives_closure: ClassVar[bool] = False  # its scale may change between two evaluations

    detect_anomalous_params: bool = attrs.field(default=False, kw_only=True)
    coalesce: bool = True
    bucket_size_mb: int = -1
    loss_scale: float | str | dict[str, Any] = attrs.field(default=512.0, validator=check_loss_scale)
    distributed: bool = True
    loss_scaler: torch.amp.GradScaler = attrs.field(init=False, repr=False)
    _fixed_scale: float | None = attrs.field(default=None, init=False, repr=False)
    _restored: bool = attrs.field(default=False, init=False, repr=False)
    _meta: dict[str, Any] | None = attrs.field(default=None, init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        if is_number(self.loss_scale):
            self._fixed_scale = float(self.loss_scale)  # type: ignore[arg-type]
        self.loss_scaler = self._make_scaler("cuda" if torch.cuda.is_available() else "cpu")

    def before_run(self, runner: Runner) -> None:
        """Put the scaler on the model's kind of device, with the state of a resumed checkpoint."""
        super().before_run(runner)
        state = self.loss_scaler.state_dict()
        self._meta = runner.meta
        if not self._restored and self._meta is not None:
            state = (self._meta.get("fp16") or {}).get("loss_scaler", state)
        self._restored = False
        device = next((parameter.device.type for parameter in runner.model.parameters()), "cpu")
        self.loss_scaler = self._make_scaler(device)
        if state:
            self.loss_scaler.load_state_dict(state)
        # Models written for MMCV switch their own casts by this flag.
        for module in runner.model.modules():
            if hasattr(module, "fp16_enabled"):
                setattr(module, "fp16_enabled", True)  # noqa: B010 - no attribute that modules declare

    def state_dict(self) -> dict[str, Any]:
        """Return the state of the scaler, and note it in the runner's meta."""
        state = {"loss_scaler": self.loss_scaler.state_dict()}
        if self._meta is not None:
            self._meta["fp16"] = {**(self._meta.get("fp16") or {}), **state}
        return {**super().state_dict(), **state}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with a saved scaler.

        Args:
            state: what `state_dict` returned.
        """
        super().load_state_dict(state)
        self.loss_scaler.load_state_dict(state["loss_scaler"])
        self._restored = True

    def _make_scaler(self, device: str) -> torch.amp.GradScaler:
        options = dict(self.loss_scale) if isinstance(self.loss_scale, Mapping) else {}
        if self._fixed_scale is not None:
            options["init_scale"] = self._fixed_scale
        return torch.amp.GradScaler(device, **options)

    def _zero(self, runner: Runner, optimizers: Collection[torch.optim.Optimizer]) -> None:
        runner.model.zero_grad()
        super()._zero(runner, optimizers)

    def _backward(self, runner: Runner, loss: torch.Tensor) -> None:
        super()._backward(runner, self.loss_scaler.scale(loss))

    def _step(self, runner: Runner, optimizers: Collection[torch.optim.Optimizer]) -> None:
        for optimizer in optimizers:
            self.loss_scaler.unscale_(optimizer)
        runner.call_hook("before_optimizer_step")
        self._clip(runner)
        for optimizer in optimizers:
            self.loss_scaler.step(optimizer)
        self.loss_scaler.update(self._fixed_scale)


@hook
class GradientCumulativeFp16OptimizerHook(GradientCumulativeOptimizerHook, Fp16OptimizerHook):
    """Accumulate scaled gradients of several iterations before each step.

    Args:
        cumulative_iters: K, as of `GradientCumulativeOptimizerHook`; the options of `Fp16OptimizerHook`
            follow by keyword.
    """

    cumulative_iters: int = attrs.field(default=1, validator=positive_int)
    grad_clip: GradClip | None = attrs.field(
        default=None, converter=to_grad_clip, validator=check_grad_clip, kw_only=True
    )
    detect_anomalous_params: bool = attrs.field(default=False, kw_only=True)
    coalesce: bool = attrs.field(default=True, kw_only=True)
    bucket_size_mb: int = attrs.field(default=-1, kw_only=True)
    loss_scale: float | str | dict[str, Any] = attrs.field(default=512.0, validator=check_loss_scale, kw_only=True)
    distributed: bool = attrs.field(default=True, kw_only=True)
