"""Random number generators: seeding them, saving and restoring their state, and determinism."""

from __future__ import annotations

import contextlib
import os
import random
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch

from core.distributed.env import get_dist_info
from core.errors import OptionError


def set_random_seed(seed: int, deterministic: bool = False, use_rank_shift: bool = False) -> None:
    """Seed Python's, numpy's and torch's generators.

    Args:
        seed: a whole number from 0 to 2**32 - 1.
        deterministic: whether cuDNN must use deterministic algorithms, at the cost of speed.
        use_rank_shift: whether each rank gets a seed of its own, `seed + rank`.

    Raises:
        OptionError: if the seed is out of range.
    """
    if not 0 <= seed < 2**32:
        raise OptionError(f"seed must be a whole number from 0 to {2**32 - 1}, got {seed}")
    if use_rank_shift:
        seed = (seed + get_dist_info()[0]) % 2**32
    seed_all(seed)
    os.environ["PYTHONHASHSEED"] = str(seed)
    if deterministic:
        torch.backends.cudnn.deterministic = True
        torch.backends.cudnn.benchmark = False


def seed_all(seed: int) -> None:
    """Seed Python's, numpy's and torch's generators, those of devices included."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed % 2**63)


@contextlib.contextmanager
def backend_flags(*, deterministic: bool = False, benchmark: bool = False) -> Iterator[None]:
    """Set torch's flags for a run and put them back afterwards.

    Args:
        deterministic: deterministic algorithms only; an operation that has none warns.
        benchmark: let cuDNN try its algorithms; meant for inputs of one size.
    """
    cudnn = torch.backends.cudnn
    before = (
        cudnn.deterministic,
        cudnn.benchmark,
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )
    try:
        if deterministic:
            cudnn.deterministic = True
            torch.use_deterministic_algorithms(True, warn_only=True)
        cudnn.benchmark = benchmark and not deterministic
        yield
    finally:
        cudnn.deterministic, cudnn.benchmark = before[:2]
        torch.use_deterministic_algorithms(before[2], warn_only=before[3])


@contextlib.contextmanager
def untouched_rng() -> Iterator[None]:
    """Put all generators back after a block of code, so that what it draws does not change what follows."""
    state = rng_state()
    try:
        yield
    finally:
        restore_rng_state(state)


def rng_state() -> dict[str, Any]:
    """Return the state of all generators as tensors and plain data, fit for a checkpoint."""
    version, words, gauss = random.getstate()
    algorithm, keys, place, has_gauss, cached = np.random.get_state()
    state: dict[str, Any] = {
        "python": [version, list(words), gauss],
        # numpy's unsigned words do not fit torch's dtypes of every supported version.
        "numpy": [algorithm, [int(key) for key in keys], int(place), int(has_gauss), float(cached)],
        "torch": torch.get_rng_state(),
    }
    # A process that has not touched a GPU has drawn nothing there, and asking would make it claim memory.
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        state["cuda"] = torch.cuda.get_rng_state_all()
    return state


def restore_rng_state(state: Mapping[str, Any]) -> None:
    """Put all generators back to what `rng_state` returned.

    Args:
        state: as returned; generators of devices that are not there are left out.
    """
    version, words, gauss = state["python"]
    random.setstate((version, tuple(words), gauss))
    algorithm, keys, place, has_gauss, cached = state["numpy"]
    np.random.set_state((algorithm, np.array(keys, dtype=np.uint32), place, has_gauss, cached))
    torch.set_rng_state(state["torch"].cpu())
    if "cuda" in state and torch.cuda.is_available():
        for index, one in enumerate(state["cuda"][: torch.cuda.device_count()]):
            torch.cuda.set_rng_state(one.cpu(), index)
