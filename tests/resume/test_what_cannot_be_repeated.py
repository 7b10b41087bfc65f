"""Data that a resumed run cannot repeat is named at the start; what can be is not."""

from __future__ import annotations

import logging
import random
from typing import Any

import numpy as np
import pytest
import torch
from small import Net, Points
from torch.utils.data import ConcatDataset, IterableDataset, RandomSampler

from core import EpochBasedRunner
from core.data.exactness import not_resumable
from core.data.loader import build_dataloader


class Own(Points):
    def __init__(self, generator: Any) -> None:
        super().__init__(4)
        self.rng = generator


class Kept(Own):
    def state_dict(self) -> dict[str, Any]:
        return {}


class Stream(IterableDataset[int]):
    def __iter__(self) -> Any:
        return iter(range(4))


@pytest.mark.parametrize(
    "generator", [np.random.default_rng(1), np.random.RandomState(1), random.Random(1), torch.Generator()]
)
def test_a_dataset_with_a_generator_of_its_own(generator: Any) -> None:
    (said,) = not_resumable(build_dataloader(ConcatDataset([Points(4), Own(generator)]), 2))
    assert said.startswith("Own.rng: a generator of its own is not part of a checkpoint")
    assert not_resumable(build_dataloader(Kept(generator), 2)) == []


def test_an_iterable_dataset_with_workers_that_live_on() -> None:
    (said,) = not_resumable(build_dataloader(Stream(), 2, 1, persistent_workers=True))
    assert said.startswith("the workers that read Stream live on between epochs")
    assert not_resumable(build_dataloader(Stream(), 2, 1)) == []


def test_what_is_saved_is_not_named() -> None:
    dataset = Points(4)
    sampler = RandomSampler(dataset, generator=torch.Generator())
    assert not_resumable(build_dataloader(dataset, 2)) == []
    assert not_resumable(build_dataloader(dataset, 2, sampler=sampler)) == []
    assert not_resumable(torch.utils.data.DataLoader(dataset, generator=torch.Generator(), shuffle=True)) == []
    assert not_resumable([{"x": 1}]) == []


def test_a_run_says_so_once(caplog: Any) -> None:
    loaders = [build_dataloader(Own(random.Random(1)), 2) for _ in range(2)]
    model = Net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    logger = logging.getLogger("test_a_run_says_so_once")
    runner = EpochBasedRunner(model, optimizer=optimizer, logger=logger, max_epochs=1)
    with caplog.at_level(logging.WARNING, logger.name):
        runner.run(loaders, [("train", 1), ("val", 1)])
    assert [text for text in caplog.messages if text.startswith("resuming: Own.rng")] == caplog.messages
    assert len(caplog.messages) == 1
