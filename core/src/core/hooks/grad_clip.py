"""The options of gradient clipping, typed and yet usable as the dict MMCV's hooks hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import attrs
import torch
from torch.nn.utils import clip_grad_norm_

from core.errors import OptionError
from core.hooks.options import is_number, number
from core.suggest import did_you_mean


def _norm_type(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if not (is_number(value) or value == "inf"):
        raise OptionError(f"norm_type must be a number or 'inf', got {value!r}")


@attrs.frozen
class GradClip:
    """How gradients are clipped: the arguments of `torch.nn.utils.clip_grad_norm_`.

    Args:
        max_norm: the largest total norm.
        norm_type: the kind of norm; `inf` is the largest element.
        error_if_nonfinite: raise where the norm is not finite; waits for the device in every iteration.
        foreach: torch's faster path; chosen by torch if None.
    """

    max_norm: float = attrs.field(validator=number)
    norm_type: float | str = attrs.field(default=2.0, validator=_norm_type)
    error_if_nonfinite: bool = False
    foreach: bool | None = None

    def keys(self) -> list[str]:
        """Return the names of the options, so that a hook may write `**self.grad_clip`."""
        return [field.name for field in attrs.fields(GradClip)]

    def __getitem__(self, name: str) -> Any:
        return getattr(self, name)

    def get(self, name: str, default: Any = None) -> Any:
        """Return an option, or `default` if there is none of that name."""
        return getattr(self, name, default)


def to_grad_clip(value: Any) -> Any:
    """Make a GradClip of a mapping; anything else stays as it is.

    Raises:
        OptionError: if a key is unknown or `max_norm` missing.
    """
    if not isinstance(value, Mapping):
        return value
    names = [field.name for field in attrs.fields(GradClip)]
    for key in value:
        if key not in names:
            raise OptionError(f"grad_clip has no option {key!r}{did_you_mean(str(key), names)}")
    if "max_norm" not in value:
        raise OptionError(f"grad_clip needs max_norm, got {dict(value)!r}")
    return GradClip(**value)


def check_grad_clip(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Validate a GradClip or None.

    Raises:
        OptionError: if it is anything else.
    """
    if not (value is None or isinstance(value, GradClip)):
        raise OptionError(f"grad_clip must be a dict such as dict(max_norm=35) or None, got {value!r}")


def clip(params: Iterable[torch.nn.Parameter], options: GradClip) -> torch.Tensor | None:
    """Clip the gradients that exist; return their total norm before, or None if there are none."""
    with_grad = [param for param in params if param.requires_grad and param.grad is not None]
    return clip_grad_norm_(with_grad, **options) if with_grad else None
