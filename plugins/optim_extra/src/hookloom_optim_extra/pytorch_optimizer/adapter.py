"""The adapter around a class of pytorch_optimizer: strict keywords, flags, and gradients left alone on request."""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch

from core import OPTIMIZERS
from core.errors import OptionError
from core.optim.capabilities import FLAGS, capabilities_of
from core.suggest import did_you_mean
from hookloom_optim_extra.pytorch_optimizer.table import USABLE, Entry

_KEYWORD = inspect.Parameter.KEYWORD_ONLY
# Of an optimizer around another one: options of the inner one that policies and constructors look for outside.
_INNER = ("lr", "weight_decay")


class Adapted:
    """What every adapter adds to its class of the library.

    `protect_grad=True` leaves `p.grad` as backward made it: most classes of the library change it in their step.
    """

    protect_grad = False

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take the library's step.

        Args:
            closure: computes the loss anew and its gradients.
        """
        step = super().step  # type: ignore[misc]
        if not self.protect_grad:
            return step() if closure is None else step(closure)
        kept = self._lend()

        def evaluate() -> Any:
            nonlocal kept
            _give_back(kept)
            loss = closure() if closure is not None else None
            kept = self._lend()
            return loss

        try:
            return step() if closure is None else step(evaluate)
        finally:
            _give_back(kept)

    def _lend(self) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Put copies in the place of all gradients; return the parameters with their own ones."""
        groups: Iterable[Mapping[str, Any]] = self.param_groups  # type: ignore[attr-defined]
        kept = [(param, param.grad) for group in groups for param in group["params"] if param.grad is not None]
        for param, grad in kept:
            param.grad = grad.clone()
        return kept


def _give_back(kept: list[tuple[torch.Tensor, torch.Tensor]]) -> None:
    for param, grad in kept:
        param.grad = grad


@functools.cache
def adapted(name: str) -> type[torch.optim.Optimizer]:
    """Return the adapter of a class of the library, made from its signature.

    Args:
        name: of the class.
    """
    import pytorch_optimizer as library

    cls = getattr(library, name)
    entry = USABLE[name]
    signature = _signature(cls, entry)

    def __init__(self: Any, params: Any, **options: Any) -> None:
        for key in options:
            if key not in signature.parameters:
                known = [one for one in signature.parameters if one not in ("self", "params")]
                raise OptionError(f"pytorch_optimizer.{name} takes no {key!r}{did_you_mean(key, known)}")
        self.protect_grad = options.pop("protect_grad", False)
        try:
            _make(cls, entry, self, list(params), options)
        except Exception as error:
            # The library has exceptions of its own for options, which derive from nothing.
            if type(error).__module__ != "pytorch_optimizer.base.exception":
                raise
            raise OptionError(f"pytorch_optimizer.{name}: {error}") from error

    __init__.__signature__ = signature  # type: ignore[attr-defined]
    body = {
        "__init__": __init__,
        "__doc__": _documented(cls, [one for one in signature.parameters if one in _added(entry)]),
        "__module__": __name__.rpartition(".")[0],
        "__qualname__": name,
        "adapts": cls,
        "muon_mark": entry.mark,
        **dict.fromkeys(entry.flags, True),
    }
    made: type[torch.optim.Optimizer] = types.new_class(
        name, (Adapted, cls), exec_body=lambda space: space.update(body)
    )
    return made


_ADDED = {
    "base_optimizer": "a dict with the `type` and options of the optimizer that it is built around.",
    "lr": "learning rate of the base optimizer, if not among its own options.",
    "weight_decay": "weight decay of the base optimizer, if not among its own options.",
    "protect_grad": "leave gradients as backward made them; most of the library's classes change them in a step.",
}


def _added(entry: Entry) -> tuple[str, ...]:
    """Name the options that the adapter adds or gives another meaning."""
    return tuple(_ADDED) if entry.takes in ("base", "optimizer") else ("protect_grad",)


def _documented(cls: type, added: Iterable[str]) -> str:
    """Return the library's description with the options of the adapter at the end of its `Args:`."""
    text = inspect.cleandoc(cls.__doc__ or cls.__name__)
    lines = "\n".join(f"    {name}: {_ADDED[name]}" for name in added)
    before, head, after = text.partition("\nArgs:\n")
    if not head:
        return f"{text}\n\nArgs:\n{lines}"
    own, gap, rest = after.partition("\n\n")
    kept = [line for line in own.splitlines() if not line.strip().startswith(("base_optimizer:", "**kwargs"))]
    return before + head + "\n".join([*kept, lines]) + gap + rest


def _signature(cls: type, entry: Entry) -> inspect.Signature:
    own = list(inspect.signature(cls.__init__).parameters.values())[1:]  # type: ignore[misc]
    given = [one for one in own if one.kind is not one.VAR_KEYWORD and one.name not in ("params", "optimizer")]
    parameters = {one.name: one.replace(kind=_KEYWORD) for one in given}
    if "base_optimizer" in _added(entry):
        parameters["base_optimizer"] = inspect.Parameter("base_optimizer", _KEYWORD, annotation=dict[str, Any])
        for key in _INNER:
            parameters[key] = inspect.Parameter(key, _KEYWORD, default=None, annotation=float | None)
    parameters["protect_grad"] = inspect.Parameter("protect_grad", _KEYWORD, default=False, annotation=bool)
    first = [inspect.Parameter(key, inspect.Parameter.POSITIONAL_OR_KEYWORD) for key in ("self", "params")]
    return inspect.Signature([*first, *parameters.values()])


def _make(cls: Any, entry: Entry, optimizer: Any, params: list[Any], options: dict[str, Any]) -> None:
    """Call the library's constructor the way it wants to be called."""
    if entry.takes == "params":
        cls.__init__(optimizer, params, **options)
    elif entry.takes == "model":
        if any(isinstance(one, dict) for one in params):
            raise OptionError(
                f"pytorch_optimizer.{cls.__name__} groups the model's parameters itself: no paramwise_cfg"
            )
        cls.__init__(optimizer, **options)
    else:
        target, inner = _inner(cls.__name__, options)
        if entry.takes == "base":
            cls.__init__(optimizer, params=params, base_optimizer=target, **options, **inner)
        else:
            cls.__init__(optimizer, target(params, **inner), **options)


def _inner(name: str, options: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Take the base optimizer out of the options; return its class and its own options."""
    section = options.pop("base_optimizer", None)
    outside = {key: value for key in _INNER if (value := options.pop(key, None)) is not None}
    if not isinstance(section, Mapping) or "type" not in section:
        raise OptionError(f"pytorch_optimizer.{name} needs base_optimizer, such as dict(type='SGD', momentum=0.9)")
    inner = {**outside, **section}
    type_ = inner.pop("type")
    target = OPTIMIZERS.resolve(type_).target
    flags = [flag for flag in FLAGS if getattr(capabilities_of(target), flag)]
    if flags:
        raise OptionError(
            f"pytorch_optimizer.{name} cannot be built around {type_}, whose {' and '.join(flags)} would be lost: "
            "the library only calls its step()"
        )
    return target, inner
