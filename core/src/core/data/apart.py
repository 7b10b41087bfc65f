"""Generators of their own for loading data: what a dataset or a sampler draws leaves training's draws alone."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch


def mix(*numbers: int) -> int:
    """Return one seed of 64 bits for several numbers, the same on every machine."""
    state = np.random.SeedSequence([number % 2**32 for number in numbers]).generate_state(2)
    return int(state[0]) << 32 | int(state[1])


def seed_everything(seed: int) -> None:
    """Seed torch's, Python's and numpy's generators of this process, but no device's."""
    # torch.manual_seed looks at every kind of device, which takes longer than loading a small batch.
    torch.default_generator.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed % 2**32)


class Apart:
    """Generators that stand in for the global ones while data is loaded.

    They take turns with those of training, so that a batch is the same whether a worker loads it or the
    main process does, and whatever training has drawn meanwhile.

    Args:
        seed: numbers that the first draw of `going_on` depends on.
    """

    def __init__(self, *seed: int) -> None:
        self._seed = seed
        self._numpy = np.random.MT19937()
        self._state: tuple[Any, Any] | None = None

    @contextlib.contextmanager
    def seeded(self, *numbers: int) -> Iterator[None]:
        """Let a block of code draw from generators that are seeded for it."""
        with self._in_place():
            seed_everything(mix(*numbers))
            yield

    @contextlib.contextmanager
    def going_on(self) -> Iterator[None]:
        """Let a block of code draw from where the last one ended."""
        with self._in_place():
            if self._state is None:
                seed_everything(mix(*self._seed))
            else:
                random.setstate(self._state[0])
                torch.default_generator.set_state(self._state[1])
            yield
            self._state = random.getstate(), torch.default_generator.get_state()

    @contextlib.contextmanager
    def _in_place(self) -> Iterator[None]:
        python, of_torch = random.getstate(), torch.default_generator.get_state()
        # Handing numpy another generator takes a hundredth of the time of copying its state out and in.
        of_numpy = np.random.get_bit_generator()  # type: ignore[attr-defined]
        np.random.set_bit_generator(self._numpy)  # type: ignore[attr-defined]
        try:
            yield
        finally:
            random.setstate(python)
            torch.default_generator.set_state(of_torch)
            np.random.set_bit_generator(of_numpy)  # type: ignore[attr-defined]
