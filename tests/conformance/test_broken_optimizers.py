"""Optimizers with one mistake each: the check of that mistake finds it, and no other does."""

from __future__ import annotations

import copy
import math
import weakref
from collections.abc import Callable
from typing import Any, ClassVar

import pytest
import torch
from torch.optim import Optimizer

from core.testing import ConformanceError, check_optimizer, optimizer_checks, run_checks


class Good(Optimizer):
    """SGD with momentum and decoupled weight decay, written as plainly as can be, and without a mistake."""

    def __init__(self, params: Any, lr: Any = 0.05, momentum: float = 0.5, weight_decay: float = 0.0, **more: Any):
        self.check(lr, momentum, weight_decay, more)
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay, **more})
        for group in self.param_groups:
            if any(one.is_complex() for one in group["params"]):
                raise TypeError("complex parameters are not taken")

    def check(self, lr: Any, momentum: float, weight_decay: float, more: dict[str, Any]) -> None:
        if set(more) - {"maximize", "foreach"}:
            raise TypeError(f"unknown: {more}")
        if not isinstance(lr, float):
            raise TypeError("lr must be a float")
        if not (0 <= lr < math.inf and 0 <= momentum < 1 and weight_decay >= 0):
            raise ValueError("out of range")

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        return self.take(closure)

    def take(self, closure: Any) -> Any:
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    if weight.grad.is_sparse:
                        raise TypeError("sparse gradients are not taken")
                    self.update(weight, weight.grad, group)
        return loss

    def update(self, weight: Any, grad: Any, group: dict[str, Any]) -> None:
        state = self.state[weight]
        if not state:
            state["average"] = torch.zeros_like(weight)
        if group["weight_decay"]:
            weight.mul_(1 - group["lr"] * group["weight_decay"])
        state["average"].mul_(group["momentum"]).add_(grad)
        weight.sub_(group["lr"] * state["average"])


class TakesAnything(Good):
    def check(self, lr: Any, momentum: float, weight_decay: float, more: dict[str, Any]) -> None:
        super().check(lr, momentum, weight_decay, {})


class TakesNan(Good):
    def check(self, lr: Any, momentum: float, weight_decay: float, more: dict[str, Any]) -> None:
        super().check(0.1 if math.isnan(lr) else lr, momentum, weight_decay, more)


class TakesNegativeLr(Good):
    def check(self, lr: Any, momentum: float, weight_decay: float, more: dict[str, Any]) -> None:
        super().check(abs(lr), momentum, weight_decay, more)


class AssertsItsOptions(Good):
    def check(self, lr: Any, momentum: float, weight_decay: float, more: dict[str, Any]) -> None:
        assert weight_decay >= 0
        super().check(lr, momentum, weight_decay, more)


class TakesNegativeMomentum(Good):
    def check(self, lr: Any, momentum: float, weight_decay: float, more: dict[str, Any]) -> None:
        super().check(lr, abs(momentum), weight_decay, more)


class GoesUp(Good):
    def update(self, weight: Any, grad: Any, group: dict[str, Any]) -> None:
        super().update(weight, -grad, group)


class MovesAtZero(Good):
    def update(self, weight: Any, grad: Any, group: dict[str, Any]) -> None:
        super().update(weight, grad, {**group, "lr": max(group["lr"], 1e-4)})


class IgnoresGroupLr(Good):
    def update(self, weight: Any, grad: Any, group: dict[str, Any]) -> None:
        super().update(weight, grad, {**group, "lr": self.defaults["lr"]})


class IgnoresGroupDecay(Good):
    def update(self, weight: Any, grad: Any, group: dict[str, Any]) -> None:
        super().update(weight, grad, {**group, "weight_decay": self.defaults["weight_decay"]})


class KeepsFirstLr(Good):
    def update(self, weight: Any, grad: Any, group: dict[str, Any]) -> None:
        group.setdefault("first_lr", group["lr"])
        super().update(weight, grad, {**group, "lr": group["first_lr"]})


class ForgetsNewGroups(Good):
    def take(self, closure: Any) -> Any:
        held, self.param_groups = self.param_groups, self.param_groups[:1]
        try:
            return super().take(closure)
        finally:
            self.param_groups = held


class EatsGroups(Good):
    def __init__(self, params: Any, **options: Any) -> None:
        params = list(params)
        super().__init__(params, **options)
        if isinstance(params[0], dict):
            params[0]["params"].append(params[0]["params"][0])


class ChangesGradients(Good):
    def update(self, weight: Any, grad: Any, group: dict[str, Any]) -> None:
        super().update(weight, grad.mul_(1.0 + 1e-6), group)


class TrainsFrozen(Good):
    def take(self, closure: Any) -> Any:
        loss = super().take(closure)
        for group in self.param_groups:
            for weight in group["params"]:
                if not weight.requires_grad:
                    weight.data.mul_(0.9)
        return loss


class DecaysWithoutGradient(Good):
    def take(self, closure: Any) -> Any:
        loss = super().take(closure)
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None and weight.requires_grad:
                    weight.data.mul_(1 - group["weight_decay"])
        return loss


class DividesByTheNorm(Good):
    def update(self, weight: Any, grad: Any, group: dict[str, Any]) -> None:
        norm = grad.float().norm()
        super().update(weight, (grad / norm * norm).to(grad.dtype) if grad.numel() else grad, group)


class IgnoresTheLoss(Good):
    def take(self, closure: Any) -> Any:
        super().take(closure)


class MaximizeDoesNothing(Good):
    def __init__(self, params: Any, maximize: bool = False, **options: Any) -> None:
        super().__init__(params, **options)


class ForeachDiffers(Good):
    def __init__(self, params: Any, foreach: bool | None = None, **options: Any) -> None:
        super().__init__(params, foreach=foreach, **options)

    def update(self, weight: Any, grad: Any, group: dict[str, Any]) -> None:
        super().update(weight, grad * 1.01 if group["foreach"] else grad, group)


class SharesOneNorm(Good):
    def take(self, closure: Any) -> Any:
        grads = [one.grad for group in self.param_groups for one in group["params"] if one.grad is not None]
        ill = [one for one in grads if not one.is_sparse and not one.is_meta and not one.is_complex()]
        if ill and not torch.compiler.is_compiling() and any(bool(one.isnan().any()) for one in ill):
            for group in self.param_groups:
                for one in group["params"]:
                    one.data.fill_(math.nan)
        return super().take(closure)


class CallsNoHooks(Good):
    def __init__(self, params: Any, **options: Any) -> None:
        super().__init__(params, **options)
        self.step = self.step.__wrapped__.__get__(self)  # type: ignore[method-assign]

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in super().__getstate__().items() if name != "step"}


class MindsOthers(Good):
    seen: ClassVar[weakref.WeakSet[Any]] = weakref.WeakSet()
    last: Any = None

    def take(self, closure: Any) -> Any:
        if type(self).last is not self and self in self.seen:  # another one has stepped in between
            for group in self.param_groups:
                group["momentum"] *= 0.99
        self.seen.add(self)
        type(self).last = self
        return super().take(closure)


class LosesHalves(Good):
    def update(self, weight: Any, grad: Any, group: dict[str, Any]) -> None:
        if weight.dtype != torch.float16:
            super().update(weight, grad, group)


class LosesBfloat16(Good):
    def update(self, weight: Any, grad: Any, group: dict[str, Any]) -> None:
        if weight.dtype != torch.bfloat16:
            super().update(weight, grad, group)


class SinglePrecisionOnly(Good):
    def update(self, weight: Any, grad: Any, group: dict[str, Any]) -> None:
        if weight.dtype == torch.float64:
            raise RuntimeError("float64")
        super().update(weight, grad, group)


class OneDtype(Good):
    def take(self, closure: Any) -> Any:
        if len({one.dtype for group in self.param_groups for one in group["params"]}) > 1:
            raise RuntimeError("expected all tensors to have one dtype")
        return super().take(closure)


class ObscureAboutComplex(Good):
    def __init__(self, params: Any, **options: Any) -> None:
        try:
            super().__init__(params, **options)
        except TypeError as error:
            raise TypeError(str(error).replace("complex", "these")) from None


class ObscureAboutSparse(Good):
    def take(self, closure: Any) -> Any:
        try:
            return super().take(closure)
        except TypeError:
            raise RuntimeError("not implemented") from None


class NeedsDimensions(Good):
    def update(self, weight: Any, grad: Any, group: dict[str, Any]) -> None:
        super().update(weight, grad[...] if len(weight.shape) else grad * 0.5, group)


class DividesBySize(Good):
    def update(self, weight: Any, grad: Any, group: dict[str, Any]) -> None:
        super().update(weight, grad * (weight.numel() / weight.numel()), group)


class MakesWeightsContiguous(Good):
    def update(self, weight: Any, grad: Any, group: dict[str, Any]) -> None:
        super().update(weight, grad, group)
        if weight.dim() == 4:
            weight.data = weight.data.contiguous()


class MakesMatricesContiguous(Good):
    def update(self, weight: Any, grad: Any, group: dict[str, Any]) -> None:
        super().update(weight, grad, group)
        if weight.dim() == 2:
            weight.data = weight.data.contiguous()


class TrustsTheGradientsLayout(Good):
    def update(self, weight: Any, grad: Any, group: dict[str, Any]) -> None:
        if weight.stride() != grad.stride():
            grad = grad.t().contiguous().view(-1).view(weight.shape)
        super().update(weight, grad, group)


class CannotBeCopied(Good):
    def __deepcopy__(self, memory: Any) -> Any:
        raise TypeError("cannot be copied")


class CannotBePickled(Good):
    def __deepcopy__(self, memory: Any) -> Any:
        new = type(self)(*[[memory.get(id(one), one) for one in g["params"]] for g in self.param_groups])
        new.load_state_dict(copy.deepcopy(self.state_dict()))
        return new

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise TypeError("cannot be pickled")


class Strange:
    """What torch does not read back as data."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Strange)

    def __hash__(self) -> int:
        return 1


class WaitsForTheDevice(Good):
    def update(self, weight: Any, grad: Any, group: dict[str, Any]) -> None:
        scale = 1.0 if torch.compiler.is_compiling() or not grad.numel() else 1.0 + 0 * float(grad.abs().amax() > 0)
        super().update(weight, grad * scale, group)


class CompiledDiffers(Good):
    def update(self, weight: Any, grad: Any, group: dict[str, Any]) -> None:
        super().update(weight, grad * 1.5 if torch.compiler.is_compiling() else grad, group)


class DrawsNumbers(Good):
    def update(self, weight: Any, grad: Any, group: dict[str, Any]) -> None:
        if not weight.is_meta:
            torch.rand(())
        super().update(weight, grad, group)


class WrongAboutMemory(Good):
    state_per_weight = 2.0


class ForgetsOnSaving(Good):
    """Keeps its momenta where no state_dict looks."""

    def update(self, weight: Any, grad: Any, group: dict[str, Any]) -> None:
        kept = self.__dict__.setdefault("kept", {})
        average = kept.setdefault(weight, torch.zeros_like(weight))
        average.mul_(group["momentum"]).add_(grad)
        if group["weight_decay"]:
            weight.mul_(1 - group["lr"] * group["weight_decay"])
        weight.sub_(group["lr"] * average)

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "kept": self.kept}


class SavesTooMuch(Good):
    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "strange": Strange()}


class SavingResets(Good):
    def state_dict(self) -> dict[str, Any]:
        saved = super().state_dict()
        saved = {**saved, "state": {key: {n: v.clone() for n, v in one.items()} for key, one in saved["state"].items()}}
        for state in self.state.values():
            state["average"].mul_(0.999)
        return saved


class NeedsAStep(Good):
    def load_state_dict(self, state: dict[str, Any]) -> None:
        if not state["state"]:
            raise KeyError("average")
        super().load_state_dict(state)


class NoOptimizer:
    param_groups: list[dict[str, Any]] = []  # noqa: RUF012 - as Optimizer has it


class ClosureOptional(Good):
    needs_closure = True


class ModesThatForget(Good):
    has_modes = True

    def train(self) -> None:
        """Do nothing."""

    def eval(self) -> None:
        for group in self.param_groups:
            for weight in group["params"]:
                weight.data.mul_(0.9)


BROKEN: list[tuple[Callable[..., Any], set[str]]] = [
    (TakesAnything, {"unknown_keyword"}),
    (TakesNegativeLr, {"bad_lr"}),
    (TakesNan, {"nan_lr"}),
    (AssertsItsOptions, {"bad_weight_decay"}),
    (TakesNegativeMomentum, {"bad_betas"}),
    (GoesUp, {"progress"}),
    (MovesAtZero, {"lr_zero", "lr_change"}),
    (IgnoresGroupLr, {"group_lr", "lr_change"}),
    (IgnoresGroupDecay, {"group_weight_decay"}),
    (KeepsFirstLr, {"lr_change"}),
    (ForgetsNewGroups, {"add_param_group"}),
    (EatsGroups, {"arguments_untouched"}),
    (ChangesGradients, {"gradients_untouched"}),
    (TrainsFrozen, {"frozen"}),
    (DecaysWithoutGradient, {"no_gradient"}),
    (DividesByTheNorm, {"zero_gradient"}),
    (IgnoresTheLoss, {"closure"}),
    (MaximizeDoesNothing, {"maximize"}),
    (ForeachDiffers, {"foreach"}),
    (SharesOneNorm, {"nan_gradient"}),
    (CallsNoHooks, {"step_hooks"}),
    (MindsOthers, {"side_by_side"}),
    (LosesHalves, {"float16"}),
    (LosesBfloat16, {"bfloat16"}),
    (SinglePrecisionOnly, {"float64"}),
    (OneDtype, {"mixed_dtypes"}),
    (ObscureAboutComplex, {"complex64"}),
    (ObscureAboutSparse, {"sparse"}),
    (NeedsDimensions, {"scalar"}),
    (DividesBySize, {"empty"}),
    (MakesWeightsContiguous, {"channels_last"}),
    (MakesMatricesContiguous, {"noncontiguous"}),
    (TrustsTheGradientsLayout, {"gradient_layout"}),
    (CannotBeCopied, {"deepcopy"}),
    (CannotBePickled, {"pickling"}),
    (ForgetsOnSaving, {"resume"}),
    (SavesTooMuch, {"weights_only", "resume", "resume_before_the_first_step"}),
    (SavingResets, {"saving_changes_nothing", "resume"}),
    (NeedsAStep, {"resume_before_the_first_step"}),
    (WaitsForTheDevice, {"no_waiting"}),
    (CompiledDiffers, {"compile"}),
    (DrawsNumbers, {"nothing_global"}),
    (WrongAboutMemory, {"memory"}),
    (ClosureOptional, {"no_closure"}),
    (ModesThatForget, {"modes"}),
]


def found(target: Callable[..., Any], *left_out: str) -> set[str]:
    checks = [check for check in optimizer_checks(target) if check.name not in left_out]
    return {result.check for result in run_checks(checks).failures}


def test_a_good_one_passes() -> None:
    report = check_optimizer(Good)
    assert {one.check for one in report.of("skipped")} == {"maximize", "foreach", "no_closure", "modes", "memory"}
    assert str(report) == "48 checks: 43 passed, 5 skipped"


@pytest.mark.parametrize(("target", "wanted"), BROKEN, ids=lambda one: getattr(one, "__name__", ""))
def test_a_mistake_is_found_by_its_check(target: Callable[..., Any], wanted: set[str]) -> None:
    # Compiling takes longer than everything else together.
    assert found(target, *({"compile"} - wanted)) == wanted


def test_every_check_finds_something() -> None:
    caught = {name for _, names in BROKEN for name in names}
    rest = {check.name for check in optimizer_checks(Good)} - caught
    assert rest == {"construction", "tensor_lr", "grad_scaler"}  # the tests below


def test_what_is_no_optimizer_is_said_to_be_none() -> None:
    class Bare:
        def __init__(self, params: Any) -> None:
            self.param_groups = [{"params": list(params)}]

    (failure,) = (one for one in run_checks(optimizer_checks(Bare)).failures if one.check == "construction")
    assert failure.found == "a Bare, no torch.optim.Optimizer"


def test_a_tensor_lr_that_is_rounded_is_found() -> None:
    class Rounds(Good):
        def check(self, lr: Any, *rest: Any) -> None:
            super().check(float(lr), *rest)

        def update(self, weight: Any, grad: Any, group: dict[str, Any]) -> None:
            lr = group["lr"]
            super().update(weight, grad, {**group, "lr": round(float(lr), 1) if isinstance(lr, torch.Tensor) else lr})

    assert found(Rounds, "compile", "pickling") == {"tensor_lr"}


def test_a_step_that_minds_the_scale_is_found() -> None:
    class Remembers(Good):
        _step_supports_amp_scaling = True  # so that the scaler leaves the gradients scaled

        @torch.no_grad()
        def step(self, closure: Any = None, grad_scaler: Any = None) -> Any:
            return self.take(closure)

    assert found(Remembers, "compile", "pickling") == {"grad_scaler"}


def test_the_error_lists_all_that_failed() -> None:
    class Two(TakesNan):
        def update(self, weight: Any, grad: Any, group: dict[str, Any]) -> None:
            super().update(weight, grad.mul_(1.5), group)

    checks = [one for one in optimizer_checks(Two, exempt={"pickling": "a local class"}) if one.name != "compile"]
    with pytest.raises(ConformanceError) as caught:
        run_checks(checks).verify()
    lines = str(caught.value).splitlines()
    assert lines[0].startswith("47 checks: ")
    assert "Two: nan_lr: failed" in lines
    assert "    expected: The constructor refuses a learning rate of nan." in lines
    assert "    found:    lr=nan is taken without an error" in lines
    assert "Two: gradients_untouched: failed" in lines
    assert caught.value.exit_code == 1
