"""The order of the data and the randomness in it: functions of seed, epoch and batch, whatever loads them."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch

from core.data.loader import LoaderError, build_dataloader, close_loader
from core.data.sampler import EpochSampler
from core.errors import EmptyDatasetError
from core.runner.iter_loader import IterLoader
from core.runner.loader import check_not_empty, read


class Noisy(torch.utils.data.Dataset):
    def __init__(self, size: int = 10) -> None:
        self.size = size

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int) -> torch.Tensor:
        return torch.tensor([index, random.random(), np.random.rand(), torch.rand(1).item()], dtype=torch.float64)


class Stream(torch.utils.data.IterableDataset):
    def __iter__(self) -> Any:
        return iter(range(5))


def epoch(number: int, start: int = 0, **options: Any) -> torch.Tensor:
    loader = build_dataloader(Noisy(), 3, seed=7, **options)
    loader.batch_sampler.set_epoch(number)
    rows = torch.cat(list(read(loader, start)))
    close_loader(loader)
    return rows


def test_augmentation_does_not_depend_on_the_number_of_workers() -> None:
    one = epoch(2, workers_per_gpu=1)
    assert torch.equal(one, epoch(2, workers_per_gpu=2))
    assert torch.equal(one, epoch(2, workers_per_gpu=2, persistent_workers=False))
    assert not torch.equal(one, epoch(3, workers_per_gpu=2))


def test_an_epoch_started_inside_goes_on_with_the_same_batches() -> None:
    assert torch.equal(epoch(2, workers_per_gpu=2)[6:], epoch(2, start=2, workers_per_gpu=1))
    assert epoch(2)[6:, 0].tolist() == epoch(2, start=2)[:, 0].tolist()


def test_the_order_is_a_function_of_seed_and_epoch() -> None:
    orders = {}
    for seed in (0, 1):
        for number in (0, 1):
            sampler = EpochSampler(range(20), seed=seed)
            sampler.set_epoch(number)
            orders[seed, number] = tuple(sampler)
            assert tuple(sampler) == orders[seed, number]
            assert sorted(orders[seed, number]) == list(range(20))
    assert len(set(orders.values())) == 4


@pytest.mark.parametrize(("round_up", "lengths"), [(True, [4, 4, 4]), (False, [4, 3, 3])])
def test_processes_share_the_data(round_up: bool, lengths: list[int]) -> None:
    samplers = [EpochSampler(range(10), True, 0, rank, 3, round_up) for rank in range(3)]
    parts = [list(sampler) for sampler in samplers]
    assert [len(part) for part in parts] == [len(sampler) for sampler in samplers] == lengths
    assert set().union(*parts) == set(range(10))


def test_loading_leaves_the_global_generator_alone_but_for_the_data_itself() -> None:
    torch.manual_seed(0)
    loader = build_dataloader(torch.utils.data.TensorDataset(torch.arange(6)), 2, seed=1)
    list(loader)
    drawn = torch.rand(1)
    torch.manual_seed(0)
    assert torch.equal(drawn, torch.rand(1))


def test_iterable_datasets() -> None:
    loader = build_dataloader(Stream(), 2)
    assert [batch.tolist() for batch in loader] == [[0, 1], [2, 3], [4]]
    with pytest.raises(LoaderError, match="orders itself"):
        build_dataloader(Stream(), 2, sampler=EpochSampler(range(5)))


def test_endless_loader_keeps_its_place() -> None:
    def first(loader: Any) -> list[float]:
        return next(loader)[:, 0].tolist()

    whole = IterLoader(build_dataloader(Noisy(), 4, seed=3))
    seen = [first(whole) for _ in range(8)]
    part = IterLoader(build_dataloader(Noisy(), 4, seed=3))
    for _ in range(4):
        first(part)
    state = part.state_dict()
    assert state == {"epoch": 1, "batch": 1}
    resumed = IterLoader(build_dataloader(Noisy(), 4, seed=3))
    resumed.load_state_dict(state)
    assert [first(resumed) for _ in range(4)] == seen[4:]


def test_empty_loaders() -> None:
    with pytest.raises(EmptyDatasetError, match="its 2 samples do not fill one batch"):
        check_not_empty(build_dataloader(Noisy(2), 3, drop_last=True))
    with pytest.raises(EmptyDatasetError, match="it is empty"):
        check_not_empty(build_dataloader(Noisy(0), 3))
