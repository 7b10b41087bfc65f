"""Calling compiled code without having torch look over again what cannot have changed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import attrs
import torch
import torch._inductor
from torch import Tensor

Found = tuple[Tensor, ...]
Function = Callable[[list[Tensor]], list[Found]]


@attrs.define
class _Way:
    """How to call a piece of code: what it takes, and what comes out of it.

    Args:
        code: what inductor made.
        sizes: the numbers that the code takes besides tensors.
        places: where each input stands among the tensors and then the sizes.
        outputs: for each tuple that the function returns the places of its tensors among the outputs.
    """

    code: Callable[..., Sequence[Tensor]]
    sizes: list[Any]
    places: list[int]
    outputs: list[tuple[int, ...]]

    def __call__(self, tensors: list[Tensor]) -> list[Found]:
        inputs = [*tensors, *self.sizes]
        found = self.code(*[inputs[place] for place in self.places])
        return [tuple([found[place] for place in places]) for places in self.outputs]


class Direct:
    """A compiled function of tensors, of which torch sees the first call of each kind only.

    Before each call torch looks over all that its code takes for granted. For a dozen tensors that takes ten times as
    long as to call the code. So what torch says of a call is remembered under a key, and later calls with that key go
    straight to the code.

    Args:
        function: takes a list of tensors, and returns a list of tuples of new tensors, which may be empty. It may do
            nothing else but change the tensors, and must not ask what numbers are in them.
    """

    def __init__(self, function: Function) -> None:
        # No fullgraph: beyond torch's limit of variants a function is to be slow rather than an error.
        self._run = torch.compile(function, backend=self._backend, dynamic=True)
        self._ways: dict[Hashable, _Way] = {}
        self._lock = threading.Lock()
        self._calls: list[tuple[Callable[..., Any], tuple[Any, ...], Sequence[Tensor]]] = []

    def __call__(self, key: Hashable, tensors: list[Tensor]) -> list[Found]:
        """Call the function.

        Args:
            key: differs wherever anything but the numbers in the tensors does: their sizes, strides, dtypes and
                devices, and those settings of torch that are a part of the code.
            tensors: none of which share memory. In the very first call no two may be of one size that are not
                always: torch takes them to be.
        """
        way = self._ways.get(key)
        return self._first(key, tensors) if way is None else way(tensors)

    def _first(self, key: Hashable, tensors: list[Tensor]) -> list[Found]:
        plain = [_alias(tensor) for tensor in tensors]
        with self._lock:
            self._calls.clear()
            found = self._run(plain)
            way = _way(*self._calls[0], plain, found) if len(self._calls) == 1 else None
            self._calls.clear()
        if way is not None:
            self._ways[key] = way
        return found

    def _backend(self, graph: torch.fx.GraphModule, examples: list[Any]) -> Callable[..., Any]:
        code = inductor(graph, examples)

        def noted(*inputs: Any) -> Any:
            outputs = code(*inputs)
            self._calls.append((code, inputs, outputs))
            return outputs

        return noted


def inductor(graph: torch.fx.GraphModule, examples: list[Any]) -> Callable[..., Any]:
    """Compile a graph as torch does by default, without comparing sizes before each call."""
    code: Callable[..., Any] = torch._inductor.compile(graph, examples, options={"size_asserts": False})
    return code


def _alias(tensor: Tensor) -> Tensor:
    """Return the memory of a tensor; of a view, compiled code would depend on what it is a view of."""
    storage, offset = tensor.untyped_storage(), tensor.storage_offset()
    return tensor.new_empty(0).set_(storage, offset, tensor.shape, tensor.stride())


def _way(
    code: Callable[..., Any],
    inputs: tuple[Any, ...],
    outputs: Sequence[Tensor],
    given: list[Tensor],
    found: list[Found],
) -> _Way | None:
    """Return how to call the code with other tensors, or None where the function did more than call it."""
    taken = {id(tensor): place for place, tensor in enumerate(given)}
    made = {id(tensor): place for place, tensor in enumerate(outputs)}
    sizes = [one for one in inputs if id(one) not in taken]
    if not all(isinstance(one, int) for one in sizes) or not all(id(one) in made for part in found for one in part):
        return None
    at = iter(range(len(given), len(given) + len(sizes)))
    places = [taken[id(one)] if id(one) in taken else next(at) for one in inputs]
    return _Way(code, sizes, places, [tuple([made[id(one)] for one in part]) for part in found])
