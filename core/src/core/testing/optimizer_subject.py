"""An optimizer class as the checks use it: built with its options and stepped as its capabilities ask."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import attrs
import torch
from torch import Tensor
from torch.nn import Parameter

from core.testing.check import NotApplicable, offered
from core.testing.weights import Shape, copies, loss_of, set_gradients, weights

CAPABILITIES = ("needs_closure", "has_modes", "owns_schedule", "needs_model", "needs_names", "needs_split")
SHAPES: tuple[Shape, ...] = ((4, 3), (5,), (2, 3, 2, 2))
MATRICES: tuple[Shape, ...] = ((4, 3), (3, 5))


@attrs.frozen(eq=False)
class OptimizerSubject:
    """An optimizer under test.

    Args:
        target: the class.
        options: what it is built with besides the parameters.
        state: how many tensors of a weight's size it says it keeps; None takes its `state_per_weight`, if it has one.
        capabilities: such as `needs_closure`, for a class that has no such attributes.
        label: its name in reports.
    """

    target: Callable[..., Any]
    options: Mapping[str, Any] = attrs.field(factory=dict)
    state: float | None = None
    capabilities: Mapping[str, bool] = attrs.field(factory=dict)
    label: str = attrs.field(
        default=attrs.Factory(lambda self: getattr(self.target, "__name__", str(self.target)), takes_self=True)
    )
    kind: str = "optimizer"

    def has(self, capability: str) -> bool:
        """Tell whether the class declares a capability."""
        return bool(self.capabilities.get(capability, getattr(self.target, capability, False)))

    def takes(self, option: str) -> bool:
        """Tell whether the constructor has an option of that name."""
        return option in inspect.signature(self.target).parameters

    def needs(self, option: str) -> None:
        """Let a check go on if the constructor has an option.

        Raises:
            NotApplicable: if it has not.
        """
        offered(self.takes(option), f"it has no option {option!r}")

    def weights(self, *shapes: Shape, dtype: torch.dtype = torch.float32, device: str = "cpu") -> list[Parameter]:
        """Return parameters: of the shapes, or of some that every optimizer of this kind takes.

        Raises:
            NotApplicable: if it takes only some parameters, such as matrices, and not one of these.
        """
        if self.has("needs_split") and any(len(shape) != 2 for shape in shapes):
            raise NotApplicable("it takes matrices only (needs_split)")
        return weights(*(shapes or (MATRICES if self.has("needs_split") else SHAPES)), dtype=dtype, device=device)

    def build(self, params: Iterable[Tensor] | Sequence[dict[str, Any]], **changes: Any) -> Any:
        """Build the optimizer.

        Args:
            params: parameters or groups.
            **changes: options besides those of the subject, or in their place.
        """
        options = {**self.options, **changes}
        given: Any = list(params) if isinstance(params, Sequence) else params
        if self.has("needs_names") and isinstance(given, list) and not any(isinstance(one, dict) for one in given):
            given = [(f"weight{number}", one) for number, one in enumerate(given)]
        if self.has("needs_model"):
            options["model"] = _module(params)
            if not self.takes("params"):  # it finds the parameters in the model
                return self._in_training(self.target(**options))
        return self._in_training(self.target(given, **options))

    def _in_training(self, optimizer: Any) -> Any:
        if self.has("has_modes"):
            optimizer.train()
        return optimizer

    def step(self, optimizer: Any, params: Sequence[Tensor], times: int = 1, sign: float = 1.0) -> None:
        """Take steps down the loss of `weights`, through a closure where the optimizer needs one."""
        for _ in range(times):
            if self.has("needs_closure"):
                optimizer.step(closure_of(params, sign))
            else:
                set_gradients(params, sign)
                optimizer.step()

    def trained(self, params: list[Parameter], times: int = 3, **changes: Any) -> Any:
        """Build the optimizer of some parameters, take steps, and return it."""
        optimizer = self.build(params, **changes)
        self.step(optimizer, params, times)
        return optimizer

    def result(self, times: int = 3, groups: Mapping[str, Any] | None = None, **changes: Any) -> list[Tensor]:
        """Return the usual parameters after some steps.

        Args:
            times: how many.
            groups: options of the one parameter group; None for parameters without a group.
            **changes: options of the constructor.
        """
        params = self.weights()
        optimizer = self.build(params if groups is None else [{"params": params, **groups}], **changes)
        self.step(optimizer, params, times)
        return copies(params)

    def lr(self) -> float:
        """Return the learning rate that it is built with.

        Raises:
            NotApplicable: if it has none.
        """
        self.needs("lr")
        lr = self.build(self.weights()).param_groups[0].get("lr")
        offered(lr is not None, "its parameter groups have no lr")
        return float(lr)


def closure_of(params: Sequence[Tensor], sign: float = 1.0) -> Callable[[], Tensor]:
    """Return a function that computes loss and gradients anew, as `step` takes it."""

    def closure() -> Tensor:
        set_gradients(params, sign)
        return sign * loss_of(params)

    return closure


def _module(params: Iterable[Any]) -> torch.nn.Module:
    flat = [one for group in params for one in (group["params"] if isinstance(group, dict) else [group])]
    module = torch.nn.Module()
    for number, param in enumerate(flat):
        module.register_parameter(f"weight{number}", param)
    return module
