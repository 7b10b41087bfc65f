"""Datasets from recipes: wrappers get theirs built, several become one."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from core.errors import EmptyDatasetError
from core.registries import DATASETS
from core.registry import build_from_cfg


def build_dataset(recipes: Sequence[Any], **extra: Any) -> Any:
    """Build the dataset of a split.

    Args:
        recipes: its recipes; several are concatenated.
        **extra: arguments such as `test_mode=True`, for the datasets that take them.

    Raises:
        EmptyDatasetError: if a dataset has no samples.
    """
    datasets = [_build(recipe, extra) for recipe in recipes]
    if len(datasets) == 1:
        return datasets[0]
    joined: Any = torch.utils.data.ConcatDataset(datasets)
    for name in ("CLASSES", "PALETTE"):
        if hasattr(datasets[0], name):
            setattr(joined, name, getattr(datasets[0], name))
    return joined


def _build(recipe: Any, extra: Mapping[str, Any]) -> Any:
    inner = {key: _built(recipe.arguments[key]) for key in ("dataset", "datasets") if key in recipe.arguments}
    accepted = {key: value for key, value in extra.items() if key not in recipe.arguments and _takes(recipe, key)}
    dataset = recipe.build(**accepted, **inner)
    try:
        size = len(dataset)
    except TypeError:
        return dataset
    if not size:
        raise EmptyDatasetError(f"dataset {recipe.component.name!r} is empty")
    return dataset


def _built(value: Any) -> Any:
    """Build what a wrapper's `dataset` or `datasets` describes; anything else is passed on."""
    if isinstance(value, Mapping) and "type" in value:
        options = {key: _built(item) if key in ("dataset", "datasets") else item for key, item in value.items()}
        return build_from_cfg(options, DATASETS)
    if isinstance(value, (list, tuple)):
        return [_built(item) for item in value]
    return value


def _takes(recipe: Any, name: str) -> bool:
    try:
        return name in inspect.signature(recipe.component.target).parameters
    except (TypeError, ValueError):
        return False
