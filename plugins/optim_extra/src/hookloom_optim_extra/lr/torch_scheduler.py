"""The LR policy `torch`: any scheduler of `torch.optim.lr_scheduler`, by the name of its class."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs
import torch
from torch.optim import lr_scheduler

from core import LrUpdaterHook, hook
from core.errors import OptionError
from core.hooks.preflight import Findings, RunFacts
from core.hooks.schedule import Values
from core.suggest import did_you_mean
from hookloom_optim_extra.lengths import refuse

if TYPE_CHECKING:
    from core.hooks.protocol import Runner

# What cannot be a function of the progress alone, and what to take instead.
_OTHERWISE = {
    "ReduceLROnPlateau": "follows a metric: use policy 'Plateau'",
    "SequentialLR": "is made of schedulers that are built already: use policy 'Sequential'",
    "ChainedScheduler": "is made of schedulers that are built already, which a config cannot hold",
}


def schedulers() -> dict[str, Any]:
    """Return the scheduler classes of the installed torch by name."""
    return {
        name: member
        for name, member in vars(lr_scheduler).items()
        if inspect.isclass(member)
        and issubclass(member, lr_scheduler.LRScheduler)
        and member is not lr_scheduler.LRScheduler
        and not name.startswith("_")
    }


def _known(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if value in _OTHERWISE:
        raise OptionError(f"{value} {_OTHERWISE[value]}")
    if value not in schedulers():
        hint = did_you_mean(str(value), schedulers())
        raise OptionError(f"torch.optim.lr_scheduler has no scheduler {value!r}{hint}")


def _fitting(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    cls = schedulers().get(instance.scheduler)
    if cls is None or not isinstance(value, Mapping):
        return
    taken = [name for name in inspect.signature(cls).parameters if name not in ("optimizer", "last_epoch", "verbose")]
    for key in value:
        if key not in taken:
            raise OptionError(f"{instance.scheduler} takes no {key!r}{did_you_mean(str(key), taken)}")
    try:
        inspect.signature(cls).bind(None, **value)
    except TypeError as error:
        raise OptionError(f"{instance.scheduler}: {error}") from error
    if "cycle_momentum" in taken and value.get("cycle_momentum", True):
        raise OptionError(
            f"{instance.scheduler} would cycle the momentum too, which momentum_config does here: give "
            "cycle_momentum=False"
        )


@hook
class TorchLrUpdaterHook(LrUpdaterHook):
    """Follow a scheduler of torch.

    lr = what the scheduler has after `progress` calls of its `step()`, to the last bit. It steps over groups of its
    own that begin with the base lr, from the start of the run wherever that is resumed.

    Args:
        scheduler: the name of a class in `torch.optim.lr_scheduler`.
        options: its arguments, without `optimizer` and `last_epoch`.
    """

    scheduler: str = attrs.field(validator=_known)
    options: dict[str, Any] = attrs.field(factory=dict, validator=_fitting)
    _curves: dict[str, _Curve] = attrs.field(factory=dict, init=False, repr=False)

    @classmethod
    def preflight(cls, options: Mapping[str, Any], run: RunFacts) -> Findings:
        """Refuse a cycle that ends before the run, where torch would raise."""
        if options["scheduler"] != "OneCycleLR":
            return
        own = options["options"] if isinstance(options["options"], Mapping) else {}
        steps = own.get("total_steps") or (own.get("epochs") or 0) * (own.get("steps_per_epoch") or 0)
        length = run.length(bool(options["by_epoch"]))
        if length is not None and 0 < steps < length:
            yield "options", f"OneCycleLR has {steps} steps and the run {length}"

    def before_run(self, runner: Runner) -> None:
        """Set up the scheduler of each optimizer.

        Raises:
            OptionError: if torch refuses its arguments.
        """
        super().before_run(runner)
        refuse(self, runner)
        groups = self.base_lr if isinstance(self.base_lr, dict) else {"": self.base_lr}
        cls = schedulers()[self.scheduler]
        self._curves = {name: _Curve(cls, self.options, lrs) for name, lrs in groups.items()}

    def get_regular_lr(self, runner: Runner) -> Values:
        """Return the lr of all groups from the scheduler."""
        done = runner.epoch if self.by_epoch else runner.iter
        values = {name: curve.at(done) for name, curve in self._curves.items()}
        return values if isinstance(self.base_lr, dict) else values[""]


class _Curve:
    """What a scheduler gives after any number of steps."""

    def __init__(self, cls: Any, options: Mapping[str, Any], base_lrs: list[float]) -> None:
        self._cls, self._options, self._base_lrs = cls, dict(options), base_lrs
        self._begin()

    def _begin(self) -> None:
        groups = [{"params": [torch.zeros(1)], "lr": lr} for lr in self._base_lrs]
        self._optimizer = torch.optim.SGD(groups, lr=0.0)
        try:
            self._scheduler = self._cls(self._optimizer, **self._options)
        except (TypeError, ValueError) as error:
            raise OptionError(f"{self._cls.__name__}: {error}") from error
        self._steps = 0

    def at(self, steps: int) -> list[float]:
        """Return the lr of all groups after some steps, going on from where the last call came to."""
        if steps < self._steps:
            self._begin()
        while self._steps < steps:
            with warnings.catch_warnings():
                # The optimizer here has nothing to step.
                warnings.filterwarnings("ignore", message="Detected call of `lr_scheduler.step")
                self._scheduler.step()
            self._steps += 1
        return [float(group["lr"]) for group in self._optimizer.param_groups]
