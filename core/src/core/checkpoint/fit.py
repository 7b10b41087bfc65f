"""Weights into a model, with everything that does not fit listed."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import attrs
import torch

from core.errors import CheckpointError

_SHOWN = 20


class MisfitError(CheckpointError, RuntimeError):
    """Weights that do not fit a model; also a RuntimeError, as in MMCV and torch."""


@attrs.frozen
class Misfit:
    """What of a state dict and a model does not match.

    Args:
        missing: keys that the model has and the state dict lacks.
        unexpected: keys that only the state dict has.
        misshapen: keys of both, each with the two shapes.
    """

    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    misshapen: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.missing or self.unexpected or self.misshapen)

    def __str__(self) -> str:
        lines = []
        for word, keys in (("missing", self.missing), ("unexpected", self.unexpected), ("misshapen", self.misshapen)):
            if keys:
                rest = f" and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else ""
                lines.append(f"  {word}: {', '.join(keys[:_SHOWN])}{rest}")
        return "\n".join(lines)


def load_weights(module: torch.nn.Module, state_dict: Mapping[str, Any]) -> Misfit:
    """Load what fits of a state dict into a model, and tell what does not.

    The modules' own loading is asked, since it may rename or reshape old keys. A batch normalisation's counter
    may be missing, and shadow copies of the model's own weights (`ema_conv_weight` beside `conv.weight`, as
    averaging hooks leave them) are nothing unexpected.

    Args:
        module: the model, perhaps inside a parallel wrapper.
        state_dict: tensors by name.

    Raises:
        MisfitError: if a module of the model refuses its part for a reason of its own.
    """
    model = unwrapped(module)
    try:
        found = model.load_state_dict(state_dict, strict=False)
        wrong: dict[str, str] = {}
    except RuntimeError as error:
        # torch has loaded what fits, and names the rest only in the text of its error.
        own = model.state_dict()
        wrong = {key: text for key in own if key in state_dict and (text := _shapes(state_dict[key], own[key]))}
        rest = OrderedDict((key, value) for key, value in state_dict.items() if key not in wrong)
        if not wrong:
            raise MisfitError(f"the weights do not fit {type(model).__name__}: {error}") from error
        rest.__dict__.update(getattr(state_dict, "__dict__", {}))
        found = model.load_state_dict(rest, strict=False)
    shadows = {f"ema_{key.replace('.', '_')}" for key in model.state_dict()} if found.unexpected_keys else set()
    return Misfit(
        tuple(key for key in found.missing_keys if key not in wrong and not key.endswith("num_batches_tracked")),
        tuple(key for key in found.unexpected_keys if key not in shadows),
        tuple(f"{key} {text}" for key, text in wrong.items()),
    )


def load_state_dict(
    module: torch.nn.Module,
    state_dict: Mapping[str, Any],
    strict: bool = False,
    logger: logging.Logger | None = None,
) -> None:
    """Load what fits of a state dict into a model.

    Args:
        module: the model, perhaps inside a parallel wrapper.
        state_dict: tensors by name.
        strict: whether a misfit is an error; else it is a warning.
        logger: where the warning goes; default the package's own.

    Raises:
        MisfitError: with every key that does not fit, if `strict`; what fits is loaded.
    """
    report_misfit(module, load_weights(module, state_dict), strict, logger)


def report_misfit(module: torch.nn.Module, found: Misfit, strict: bool, logger: logging.Logger | None) -> None:
    """Say what does not fit: as a warning, or as an error if `strict`.

    Raises:
        MisfitError: if `strict` and something does not fit.
    """
    if not found:
        return
    name = type(unwrapped(module)).__name__
    if strict:
        raise MisfitError(f"the weights do not fit {name}:\n{found}")
    (logger or logging.getLogger("core")).warning("the weights do not fit %s whole:\n%s", name, found)


def unwrapped(model: torch.nn.Module) -> torch.nn.Module:
    """Return the model inside a parallel wrapper, which has nothing of its own beside it."""
    inner = getattr(model, "module", None)
    if not isinstance(inner, torch.nn.Module) or list(dict(model.named_children())) != ["module"]:
        return model
    return inner if not model._parameters and not model._buffers else model


def _shapes(given: Any, own: Any) -> str:
    if torch.nn.parameter.is_lazy(own) or not isinstance(own, torch.Tensor):
        return ""
    wanted, found = tuple(own.shape), getattr(given, "shape", None)
    if found is None:
        return f"{type(given).__name__} instead of {wanted}"
    return "" if tuple(found) == wanted else f"{tuple(found)} instead of {wanted}"
