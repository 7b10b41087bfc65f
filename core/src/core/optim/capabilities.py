"""What an optimizer asks of those who use it, read from plain attributes of its class."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from core.errors import OptionError
from core.suggest import nearest


@attrs.frozen
class Capabilities:
    """The flags of an optimizer class, each an attribute of that name.

    Args:
        needs_closure: `step` calls a closure that computes the loss and its gradients anew.
        has_modes: `train()` and `eval()` switch the weights.
        owns_schedule: no policy may change its lr.
        needs_model: the constructor takes `model=`.
        needs_names: the constructor takes pairs of name and parameter.
        needs_split: not every parameter may be given to it alike; a constructor that splits them is wanted.
    """

    needs_closure: bool = False
    has_modes: bool = False
    owns_schedule: bool = False
    needs_model: bool = False
    needs_names: bool = False
    needs_split: bool = False


FLAGS = tuple(field.name for field in attrs.fields(Capabilities))
MODES = ("train", "eval")
# torch's own classes bear no flags.
_OF_TORCH: Mapping[str, Capabilities] = {
    "LBFGS": Capabilities(needs_closure=True),
    "Muon": Capabilities(needs_split=True),
}
# How near the name of an attribute must be to a flag's to be a slip.
_SLIP = 0.85


def capabilities_of(target: Any) -> Capabilities:
    """Return the flags of an optimizer class; a function that makes optimizers has none.

    Raises:
        OptionError: if a flag is no bool, or the methods it promises are missing, or an attribute is nearly one.
    """
    for problem in problems_of(target):
        raise OptionError(problem)
    own = {name: value for name in FLAGS if isinstance(value := getattr(target, name, None), bool)}
    return attrs.evolve(_torchs(target), **own)


def problems_of(target: Any) -> Iterator[str]:
    """Yield what is wrong with the flags of an optimizer class."""
    name = getattr(target, "__name__", repr(target))
    for flag in FLAGS:
        value = getattr(target, flag, None)
        if value is not None and not isinstance(value, bool):
            yield f"{name}.{flag} must be True or False, got {value!r}"
    if getattr(target, "has_modes", False) is True:
        missing = [mode for mode in MODES if not callable(getattr(target, mode, None))]
        if missing:
            yield f"{name}.has_modes promises the methods train() and eval(); it lacks {' and '.join(missing)}"
    if inspect.isclass(target):
        for attribute in _own_flags(target):
            near = nearest(attribute, FLAGS, cutoff=_SLIP)
            if near:
                yield f"{name}.{attribute} is no flag of an optimizer; did you mean {near[0]!r}?"


def optimizer_flags(optimizer: Any) -> Capabilities:
    """Return the flags of an optimizer that is built, or those of any of several in a dict together.

    Raises:
        OptionError: as `capabilities_of`; or if one of several needs a closure, which can serve only one.
    """
    if not isinstance(optimizer, dict):
        return Capabilities() if optimizer is None else capabilities_of(type(optimizer))
    found = {name: capabilities_of(type(one)) for name, one in optimizer.items()}
    for name, one in found.items():
        if one.needs_closure and len(found) > 1:
            raise OptionError(only_one(type(optimizer[name]).__name__))
    return Capabilities(*(any(getattr(one, flag) for one in found.values()) for flag in FLAGS))


def only_one(name: str) -> str:
    """Return what is wrong with an optimizer that needs a closure and is one of several."""
    return f"{name} computes the loss anew within its step, which it can only do as the only optimizer"


def unsplit(name: str, constructor: str) -> str:
    """Return what is wrong with a constructor that gives all parameters to an optimizer that is for some of them."""
    return (
        f"{name} is not for all parameters alike, and {constructor} gives it all of them; "
        "a constructor with splits = True divides them, such as constructor='MuonConstructor'"
    )


def _own_flags(target: type) -> Iterator[str]:
    """Yield the attributes that are set to a bool and are no flag."""
    for klass in target.__mro__:
        yield from (key for key, value in vars(klass).items() if isinstance(value, bool) and key not in FLAGS)


def _torchs(target: Any) -> Capabilities:
    """Return the flags of torch's class of which this is one."""
    for klass in getattr(target, "__mro__", ()):
        if klass.__module__.startswith("torch.optim"):
            return _OF_TORCH.get(klass.__name__, Capabilities())
    return Capabilities()
