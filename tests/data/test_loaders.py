"""Loaders: an order that depends on the seed alone, batches that seed their worker, epochs that start inside."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import ConcatDataset, Dataset, IterableDataset, RandomSampler, Subset

from core.data.batches import SeededBatchSampler
from core.data.loader import LoaderError, build_dataloader, close_loader
from core.data.sampler import EpochSampler
from core.errors import DataError
from core.runner.iter_loader import IterLoader
from core.runner.loader import check_not_empty, read, set_epoch
from core.seeding import restore_rng_state, rng_state, set_random_seed


class Draws(Dataset[Any]):
    """Samples of their index and of what the three generators say."""

    def __init__(self, size: int = 8) -> None:
        self.size, self.read = size, []

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int) -> tuple[int, float, float, float]:
        self.read.append(index)
        return index, torch.rand(()).item(), random.random(), float(np.random.rand())


class Fails(Dataset[Any]):
    def __init__(self, error: Exception) -> None:
        self.error = error

    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> int:
        if index == 5:
            raise self.error
        return index


class Ragged(Fails):
    def __getitem__(self, index: int) -> torch.Tensor:  # type: ignore[override]
        return torch.zeros(index)


class Stream(IterableDataset[int]):
    def __iter__(self) -> Any:
        return iter(range(10))


def rows(loader: Any, start: int = 0) -> list[Any]:
    found = [[part.tolist() for part in batch] for batch in read(loader, start)]
    close_loader(loader)
    return found


def order(sampler: Any, epoch: int = 0) -> list[int]:
    sampler.set_epoch(epoch)
    return list(sampler)


@pytest.mark.parametrize("size", [1, 7, 10])
@pytest.mark.parametrize("world", [1, 2, 3])
@pytest.mark.parametrize("shuffle", [False, True])
def test_the_processes_share_the_data(size: int, world: int, shuffle: bool) -> None:
    parts = [order(EpochSampler(range(size), shuffle, 4, rank, world, round_up=False), 2) for rank in range(world)]
    assert sorted(index for part in parts for index in part) == list(range(size))
    even = [EpochSampler(range(size), shuffle, 4, rank, world) for rank in range(world)]
    assert {len(order(part, 2)) for part in even} == {len(part) for part in even} == {-(-size // world)}
    assert {index for part in even for index in order(part, 2)} == set(range(size))


def test_the_order_is_a_function_of_seed_and_epoch() -> None:
    sampler = EpochSampler(range(50), seed=3)
    first = order(sampler, 0)
    torch.manual_seed(99)
    assert order(EpochSampler(range(50), seed=3), 0) == first
    assert order(sampler, 1) != first
    assert order(sampler, 0) == first
    assert order(EpochSampler(range(50), seed=4), 0) != first


def test_workers_do_not_change_what_is_drawn() -> None:
    none, one, two = (rows(build_dataloader(Draws(), 2, workers, seed=5)) for workers in (0, 1, 2))
    assert none == one == two
    drawn = [value for batch in one for value in batch[1]]
    assert len(set(drawn)) == 8, "no two samples draw the same"
    other_epoch = build_dataloader(Draws(), 2, 1, seed=5, shuffle=False)
    set_epoch(other_epoch, 1)
    assert {value for batch in rows(other_epoch) for value in batch[1]}.isdisjoint(drawn)


@pytest.mark.parametrize("workers", [0, 1])
def test_an_epoch_starts_inside_without_loading_what_is_skipped(workers: int) -> None:
    dataset = Draws()
    whole = rows(build_dataloader(dataset, 2, workers, seed=5))
    dataset.read.clear()
    rest = rows(build_dataloader(dataset, 2, workers, seed=5), start=3)
    assert rest == whole[3:]
    if not workers:
        assert dataset.read == rest[0][0], "only the last batch was loaded"


def test_the_global_generators_are_left_alone_in_the_main_process() -> None:
    def draw() -> list[Any]:
        return [torch.rand(3).tolist(), random.random(), np.random.rand()]

    set_random_seed(7)
    expected = draw()
    for options in ({}, {"sampler": RandomSampler(range(8))}):
        set_random_seed(7)
        list(build_dataloader(Draws(), 2, **options))
        assert draw() == expected


def test_a_sampler_that_draws_is_a_function_of_seed_and_epoch_too() -> None:
    def orders(seed: int, epoch: int, workers: int = 0, start: int = 0) -> list[Any]:
        loader = build_dataloader(Draws(), 2, workers, seed=seed, sampler=RandomSampler(range(8)))
        set_epoch(loader, epoch)
        torch.rand(seed + epoch + workers)
        return [batch[0] for batch in rows(loader, start)]

    assert orders(1, 0) == orders(1, 0, 2) != orders(1, 1)
    assert orders(1, 0) != orders(2, 0)
    assert orders(1, 1)[2:] == orders(1, 1, start=2)


def test_a_sampler_without_end_is_read_as_far_as_it_is_needed() -> None:
    class Endless:
        def __iter__(self) -> Any:
            while True:
                yield int(np.random.randint(8))

    def first(start: int) -> list[Any]:
        batches = read(build_dataloader(Draws(), 2, seed=3, sampler=Endless()), start)
        return [next(batches)[0].tolist() for _ in range(4)]

    assert first(0)[2:] == first(2)[:2]


def test_an_iterable_dataset_is_read_through() -> None:
    assert [batch.tolist() for batch in read(build_dataloader(Stream(), 4), 1)] == [[4, 5, 6, 7], [8, 9]]
    with pytest.raises(LoaderError, match="Stream is iterable and orders itself: it takes no sampler"):
        build_dataloader(Stream(), 4, sampler=[1])
    check_not_empty(build_dataloader(Stream(), 4))


def test_options_that_only_workers_need_are_no_error_without() -> None:
    loader = build_dataloader([1, 2], 1, 0, prefetch_factor=4, persistent_workers=True, timeout=3)
    assert (loader.num_workers, loader.persistent_workers, loader.pin_memory) == (0, False, False)


def test_a_batch_sampler_keeps_its_length() -> None:
    for drop_last, expected in ((False, [[0, 1, 2], [3, 4, 5], [6]]), (True, [[0, 1, 2], [3, 4, 5]])):
        sampler = SeededBatchSampler(EpochSampler(range(7), shuffle=False), 3, drop_last)
        assert [list(batch) for batch in sampler] == expected
        assert len(sampler) == len(expected)


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize(
    ("dataset", "name", "index", "said"),
    [
        (Fails(ValueError("first\nsecond")), "Fails", 5, "ValueError: first\nsecond"),
        (Fails(KeyError("label")), "Fails", 5, "KeyError: 'label'"),
        (Subset(Fails(OSError("unreadable")), [1, 2, 5, 7]), "Subset", 2, "OSError: unreadable"),
        (ConcatDataset([Draws(4), Fails(ValueError("broken"))]), "ConcatDataset", 9, "ValueError: broken"),
    ],
)
def test_a_sample_that_fails_is_named(dataset: Any, name: str, index: int, said: str, workers: int) -> None:
    loader = build_dataloader(dataset, 2, workers, shuffle=False, collate_fn=list)
    with pytest.raises(DataError) as caught:
        list(read(loader))
    close_loader(loader)
    where = f" in loader worker {workers - 1}" if workers else ""
    assert str(caught.value) == f"dataset {name} failed at index {index}{where}: {said}"
    assert caught.value.__cause__ is not None


@pytest.mark.parametrize("workers", [0, 1])
def test_a_batch_that_cannot_be_collated_is_not_blamed_on_one_sample(workers: int) -> None:
    loader = build_dataloader(Ragged(ValueError()), 4, workers, shuffle=False)
    where = " in loader worker 0" if workers else ""
    with pytest.raises(DataError, match=rf"^dataset Ragged failed{where}: RuntimeError: stack expects each tensor to"):
        next(read(loader))
    close_loader(loader)


def test_the_endless_loader_stands_where_it_stood() -> None:
    loader = IterLoader(build_dataloader(list(range(5)), 2, seed=1))
    seen = [next(loader).tolist() for _ in range(8)]
    assert (loader.epoch, loader.state_dict()) == (2, {"epoch": 2, "batch": 2})
    for epoch in (seen[:3], seen[3:6]):
        assert sorted(index for batch in epoch for index in batch) == [0, 1, 2, 3, 4]
    assert seen[:3] != seen[3:6]
    for done in range(1, 8):
        again = IterLoader(build_dataloader(list(range(5)), 2, seed=1))
        first = IterLoader(build_dataloader(list(range(5)), 2, seed=1))
        for _ in range(done):
            next(first)
        again.load_state_dict(first.state_dict())
        assert [next(again).tolist() for _ in range(8 - done)] == seen[done:]


def test_generators_come_back_as_they_were() -> None:
    def draw() -> list[Any]:
        return [torch.rand(2).tolist(), random.random(), random.gauss(0, 1), np.random.randn(3).tolist()]

    set_random_seed(3)
    draw()
    state = rng_state()
    expected = draw()
    draw()
    restore_rng_state(state)
    assert draw() == expected


@pytest.mark.parametrize("seed", [-1, 2**32, 10**30])
def test_a_seed_out_of_range_is_refused(seed: int) -> None:
    with pytest.raises(ValueError, match=f"seed must be a whole number from 0 to 4294967295, got {seed}"):
        set_random_seed(seed)
