"""What loading an optimizer's state has cast, put back as it was saved, so that a resumed run goes on to the bit."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer


def uncast(optimizer: Optimizer, saved: Any, weights: Mapping[str, Any], names: list[list[str]]) -> None:
    """Give the state of each parameter the dtypes that it was saved with.

    torch casts every floating state to the dtype of its parameter, and integers and text too, whatever they were: of
    NAdam with parameters of float64 the running product, which is of float32. A parameter that has another dtype
    than its saved weight keeps what was loaded, since then the cast is what makes state and parameter fit; so does
    an optimizer whose `state_dict` is its own, which need not be what it calculates with.

    Args:
        optimizer: that has loaded the state.
        saved: what it has loaded.
        weights: of the same checkpoint, by name.
        names: of the optimizer's parameters, by group.
    """
    if not isinstance(saved, Mapping) or "param_groups" not in saved or "state" not in saved or _own_form(optimizer):
        return
    keys = list(chain.from_iterable(group["params"] for group in saved["param_groups"]))
    params = list(chain.from_iterable(group["params"] for group in optimizer.param_groups))
    if len(keys) != len(params):
        return  # which an optimizer with a `load_state_dict` of its own may have made something of
    for key, param, name in zip(keys, params, chain.from_iterable(names), strict=True):
        if getattr(weights.get(name), "dtype", None) == param.dtype and key in saved["state"]:
            optimizer.state[param] = _put_back(optimizer.state[param], saved["state"][key])


def _own_form(optimizer: Optimizer) -> bool:
    return type(optimizer).state_dict is not Optimizer.state_dict or bool(optimizer._optimizer_state_dict_post_hooks)


def _put_back(loaded: Any, saved: Any) -> Any:
    if isinstance(loaded, Tensor) and isinstance(saved, Tensor):
        return saved.to(loaded.device) if _is_cast(loaded, saved) else loaded
    if isinstance(loaded, str) and isinstance(saved, str):
        return saved  # which torch takes apart like a list
    if isinstance(loaded, dict) and isinstance(saved, Mapping):
        return {key: _put_back(value, saved[key]) if key in saved else value for key, value in loaded.items()}
    if type(loaded) in (list, tuple) and isinstance(saved, (list, tuple)) and len(loaded) == len(saved):
        return type(loaded)(_put_back(one, other) for one, other in zip(loaded, saved, strict=True))
    return loaded


def _is_cast(loaded: Tensor, saved: Tensor) -> bool:
    """Tell whether a tensor is another one cast, and nothing else was made of it."""
    if loaded.dtype == saved.dtype or loaded.shape != saved.shape or not loaded.layout == saved.layout == torch.strided:
        return False
    return torch.allclose(loaded, saved.to(loaded.device, loaded.dtype), rtol=0, atol=0, equal_nan=True)
