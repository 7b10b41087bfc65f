"""Generators of their own for loading data: what a dataset or a sampler draws leaves training's draws alone."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch

_BITS = 2**64 - 1


def mix(*numbers: int) -> int:
    """Return one seed of 64 bits for several numbers, the same on every machine."""
    state = np.random.SeedSequence([number % 2**32 for number in numbers]).generate_state(2)
    return int(state[0]) << 32 | int(state[1])


def nth_seed(base: int, number: int) -> int:
    """Return the seed of one of many batches: the output of splitmix64 (Steele, Lea and Flood 2014) at a place.

    Args:
        base: what `mix` returned for all of them; asking it for each would take longer than loading a small batch.
        number: of the batch, from 0.
    """
    value = (base + (number + 1) * 0x9E3779B97F4A7C15) & _BITS
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _BITS
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _BITS
    return value ^ (value >> 31)


def seed_everything(seed: int) -> None:
    """Seed torch's, Python's and numpy's generators of this process, but no device's."""
    # torch.manual_seed looks at every kind of device, which takes longer than loading a small batch.
    torch.default_generator.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed % 2**32)


class Apart:
    """Generators that stand in for the global ones in a `with` block that loads data.

    They take turns with those of training, so that a batch is the same whether a worker loads it or the
    main process does, and whatever training has drawn meanwhile.
    """

    def __init__(self) -> None:
        self._numpy = np.random.MT19937()
        self._theirs: Any = None

    def __enter__(self) -> None:
        # Handing numpy another generator takes a hundredth of the time of copying its state out and in.
        of_numpy = np.random.get_bit_generator()  # type: ignore[attr-defined]
        self._theirs = random.getstate(), torch.default_generator.get_state(), of_numpy
        np.random.set_bit_generator(self._numpy)  # type: ignore[attr-defined]

    def __exit__(self, *_: object) -> None:
        of_python, of_torch, of_numpy = self._theirs
        random.setstate(of_python)
        torch.default_generator.set_state(of_torch)
        np.random.set_bit_generator(of_numpy)  # type: ignore[attr-defined]


class ApartGoingOn(Apart):
    """The same for blocks each of which draws from where the last one ended.

    Args:
        seed: numbers that the first draw depends on.
    """

    def __init__(self, *seed: int) -> None:
        super().__init__()
        self._seed = seed
        self._ours: Any = None

    def __enter__(self) -> None:
        super().__enter__()
        if self._ours is None:
            seed_everything(mix(*self._seed))
        else:
            of_python, of_torch = self._ours
            random.setstate(of_python)
            torch.default_generator.set_state(of_torch)

    def __exit__(self, *_: object) -> None:
        self._ours = random.getstate(), torch.default_generator.get_state()
        super().__exit__()
