"""A copy of a checkpoint's tensors in memory that is used again and again, so that training can go on at once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import torch

Place = tuple[torch.device, int]


class Staging:
    """Memory into which one checkpoint at a time is copied.

    Fresh memory costs several times what copying into it does, since the system clears every page; so it is kept.
    """

    def __init__(self) -> None:
        self._blocks: dict[tuple[int, bool], list[torch.UntypedStorage]] = {}

    def reserve(self, content: Any) -> None:
        """Make the memory for a checkpoint ready, and touch it.

        Args:
            content: a checkpoint of the kind that will come.
        """
        with self._taking() as take:
            for memory in memories(content):
                take(memory)

    def copy(self, content: Any) -> Any:
        """Return a checkpoint that holds what this one holds now, on the CPU; the former copy is written over.

        Tensors that share memory share it in the copy too.

        Args:
            content: tensors and plain data, in containers that nobody changes.
        """
        with self._taking() as take:
            copies: dict[Place, torch.UntypedStorage] = {}
            devices = set()
            for memory in memories(content):
                block = copies[_place(memory)] = take(memory)
                block.copy_(memory, non_blocking=block.is_pinned())
                devices.add(memory.device)
            for device in devices:
                if device.type == "cuda":
                    torch.cuda.synchronize(device)
            return _mapped(content, copies)

    def _taking(self) -> _Taking:
        return _Taking(self._blocks)


class _Taking:
    """Hands out each block of memory at most once."""

    def __init__(self, blocks: dict[tuple[int, bool], list[torch.UntypedStorage]]) -> None:
        self.blocks = blocks
        self.used: dict[tuple[int, bool], int] = {}

    def __enter__(self) -> _Taking:
        return self

    def __exit__(self, *_: object) -> None:
        # What this checkpoint had no use for, the next one will not use either.
        for key, blocks in self.blocks.items():
            del blocks[self.used.get(key, 0) :]

    def __call__(self, memory: torch.UntypedStorage) -> torch.UntypedStorage:
        # A GPU copies at full speed only into memory that the system cannot move.
        key = memory.nbytes(), memory.device.type == "cuda"
        blocks = self.blocks.setdefault(key, [])
        place = self.used[key] = self.used.get(key, 0) + 1
        if len(blocks) < place:
            block = torch.empty(key[0], dtype=torch.uint8, pin_memory=key[1])
            blocks.append(block.fill_(0).untyped_storage())
        return blocks[place - 1]


def memories(content: Any) -> Iterator[torch.UntypedStorage]:
    """Yield the memory of all ordinary tensors in a checkpoint, each once."""
    seen: set[Place] = set()
    for tensor in _tensors(content):
        if _ordinary(tensor):
            memory = tensor.untyped_storage()
            if _place(memory) not in seen:
                seen.add(_place(memory))
                yield memory


def _place(memory: torch.UntypedStorage) -> Place:
    return memory.device, memory.data_ptr()


def _tensors(content: Any) -> Iterator[torch.Tensor]:
    if isinstance(content, torch.Tensor):
        yield content
    elif isinstance(content, dict):
        for value in content.values():
            yield from _tensors(value)
    elif isinstance(content, (list, tuple, set)):
        for value in content:
            yield from _tensors(value)


def _ordinary(tensor: torch.Tensor) -> bool:
    return (
        type(tensor) is torch.Tensor
        and tensor.layout is torch.strided
        and not tensor.is_quantized
        and not tensor.is_conj()
        and not tensor.is_neg()
        and tensor.untyped_storage().nbytes() > 0
    )


def _mapped(content: Any, copies: dict[Place, torch.UntypedStorage]) -> Any:
    if isinstance(content, torch.Tensor):
        if not _ordinary(content):
            return content.detach().cpu().clone()
        view = torch.empty(0, dtype=content.dtype)
        block = copies[_place(content.untyped_storage())]
        return view.set_(block, content.storage_offset(), content.size(), content.stride())
    if isinstance(content, dict):
        kind = type(content)
        mapped = kind((key, _mapped(value, copies)) for key, value in content.items())
        if kind is OrderedDict:
            mapped.__dict__.update(content.__dict__)
        return mapped
    if type(content) in (list, tuple, set):
        return type(content)(_mapped(value, copies) for value in content)
    return content
