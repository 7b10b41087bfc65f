"""The saved state of an optimizer, fitted to parameter groups that are cut another way than those it was saved from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from core.optim.merge import same

Names = Sequence[Sequence[str]]
"""The parameters of each group."""


def names_of(optimizer: torch.optim.Optimizer, model: torch.nn.Module) -> list[list[str]]:
    """Return the names that the parameters of each group have in the model; empty ones for those it does not have."""
    names = {id(parameter): name for name, parameter in reversed(list(model.named_parameters()))}
    return [[names.get(id(parameter), "") for parameter in group["params"]] for group in optimizer.param_groups]


def regrouped(saved: Any, were: Names | None, optimizer: torch.optim.Optimizer, model: torch.nn.Module) -> Any:
    """Return a saved state with each parameter in the group that it belongs to now.

    The state of a parameter goes where its name is. A group takes its options from those that its parameters come
    from, which must have had the same; so nothing is lost and nothing is made up. A state that is cut as the
    optimizer is, is returned as it is.

    Args:
        saved: an optimizer's `state_dict`.
        were: the names of its parameters by group; None for a file that does not tell. One with a group for each
            parameter, as MMCV's constructor makes them, has them in the order of the model.
        optimizer: the optimizer that is to go on with it.
        model: whose parameters are named.

    Raises:
        ValueError: if parameters are in one group now whose options differed.
    """
    if not isinstance(saved, Mapping) or "param_groups" not in saved:
        return saved  # in a form of its own, which the optimizer itself knows
    now = names_of(optimizer, model)
    flat = [name for group in now for name in group]
    groups = saved["param_groups"]
    if were is None:
        if len(groups) == len(now) or len(groups) != len(flat) or any(len(group["params"]) != 1 for group in groups):
            return saved
        own = set(flat)
        were = [[name] for name, _ in model.named_parameters() if name in own]
    sizes = [len(group["params"]) for group in groups]
    if [list(group) for group in were] == now or [len(group) for group in were] != sizes:
        return saved
    if sorted(flat) != sorted(name for group in were for name in group) or len(set(flat)) < len(flat):
        return saved  # other parameters than before, which torch can only take in their order
    return _cut_anew(saved, were, now, optimizer)


def _cut_anew(saved: Mapping[str, Any], were: Names, now: Names, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    origin = {name: (group, index) for group, names in enumerate(were) for index, name in enumerate(names)}
    options = [_options(group) for group in saved["param_groups"]]
    state: dict[int, Any] = {}
    groups: list[dict[str, Any]] = []
    for names, group in zip(now, optimizer.param_groups, strict=True):
        first, *others = ((name, options[origin[name][0]]) for name in names)
        for other in others:
            if not same(first[1], other[1]):
                raise ValueError(_clash(first, other))
        start = sum(len(one["params"]) for one in groups)
        numbers = range(start, start + len(names))
        for number, name, parameter in zip(numbers, names, group["params"], strict=True):
            of_group, index = origin[name]
            old = saved["param_groups"][of_group]["params"][index]
            if old in saved["state"]:
                state[number] = saved["state"][old]
                _check_shapes(name, parameter, state[number])
        groups.append({**first[1], "params": list(numbers)})
    return {**saved, "state": state, "param_groups": groups}


def _options(group: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in group.items() if key not in ("params", "param_names")}


def _clash(first: tuple[str, Mapping[str, Any]], other: tuple[str, Mapping[str, Any]]) -> str:
    (name, one), (name_2, two) = first, other
    key = next(key for key in (*one, *two) if not same({"": one.get(key)}, {"": two.get(key)}))
    return (
        f"{name} and {name_2} are in one parameter group now, and in the checkpoint their {key} was {one.get(key)!r} "
        f"and {two.get(key)!r}; paramwise_cfg.merge_groups=False keeps them apart"
    )


def _check_shapes(name: str, parameter: torch.Tensor, state: Any) -> None:
    values = state.values() if isinstance(state, Mapping) else ()
    shapes = [tuple(one.shape) for one in values if isinstance(one, torch.Tensor) and one.ndim == parameter.ndim > 0]
    if shapes and tuple(parameter.shape) not in shapes:
        raise ValueError(f"the state of {name} is of shape {shapes[0]}, and {name} of shape {tuple(parameter.shape)}")
