"""The values that were logged since the last clear, and their averages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch


class LogBuffer:
    """Collects scalars per iteration and averages them when a logger asks.

    A value that is a tensor stays on its device until it is averaged, so that logging never makes an
    iteration wait; one transfer brings all of them over. `output` holds the last averages, `ready` says
    that they are new.
    """

    def __init__(self) -> None:
        self.val_history: dict[str, list[Any]] = {}
        self.n_history: dict[str, list[float]] = {}
        self.output: dict[str, Any] = {}
        self.ready = False
        self._window = 0

    def clear(self) -> None:
        """Forget the history and the averages."""
        self.val_history.clear()
        self.n_history.clear()
        self.clear_output()

    def clear_output(self) -> None:
        """Forget the averages."""
        self.output.clear()
        self.ready = False

    def keep(self, n: int) -> None:
        """Declare that averages over the last `n` values will be asked for, so that older ones may go.

        Without any such declaration the whole history since the last clear is kept.
        """
        self._window = max(self._window, n)

    def update(self, vars: Mapping[str, Any], count: float = 1) -> None:
        """Add one value per name.

        Args:
            vars: numbers or scalar tensors by name.
            count: their weight in an average, such as the number of samples.

        Raises:
            TypeError: if `vars` is no mapping.
        """
        if type(vars) is not dict and not isinstance(vars, Mapping):
            raise TypeError(f"log_vars must be a mapping of names to numbers, got {vars!r}")
        for name, value in vars.items():
            try:
                self.val_history[name].append(value)
                self.n_history[name].append(count)
            except KeyError:
                self.val_history[name] = [value]
                self.n_history[name] = [count]

    def average(self, n: int = 0) -> None:
        """Average the last `n` values of every name, weighted by their counts; all values for 0.

        Raises:
            ValueError: for a negative `n`.
        """
        if n < 0:
            raise ValueError(f"n must not be negative, got {n}")
        self._fetch()
        for name, values in self.val_history.items():
            weights = self.n_history[name]
            # numpy's order of summation, to the last bit what MMCV logs.
            last, counts = np.array(values[-n:]), np.array(weights[-n:])
            total = np.add.reduce(counts)
            self.output[name] = float(np.add.reduce(last * counts) / total) if total else float("nan")
            if n and self._window:
                keep = max(n, self._window)
                del values[:-keep], weights[:-keep]
        self.ready = True

    def state_dict(self) -> dict[str, Any]:
        """Return the history and the averages: what a resumed run goes on averaging over, and logs."""
        # What is no number cannot be averaged; whoever logs it learns so from a logger, not from a checkpoint.
        names = [name for name, values in self.val_history.items() if all(map(_is_number, values))]
        if len(names) == len(self.val_history):
            self._fetch()
        return {
            "values": {name: list(self.val_history[name]) for name in names},
            "counts": {name: list(self.n_history[name]) for name in names},
            "output": dict(self.output),
            "ready": self.ready,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` returned."""
        self.clear()
        self.val_history.update({name: list(values) for name, values in state["values"].items()})
        self.n_history.update({name: list(counts) for name, counts in state["counts"].items()})
        self.output.update(state["output"])
        self.ready = state["ready"]

    def _fetch(self) -> None:
        """Turn all tensors of the history into numbers, in one transfer per device."""
        waiting: dict[torch.device, list[tuple[list[Any], int]]] = {}
        for values in self.val_history.values():
            for place in range(len(values) - 1, -1, -1):
                value = values[place]
                if type(value) is float:
                    break  # what stands before a number was fetched earlier
                if isinstance(value, torch.Tensor):
                    if value.is_cpu:
                        values[place] = value.item()
                    else:
                        waiting.setdefault(value.device, []).append((values, place))
        for entries in waiting.values():
            numbers = _numbers([values[place] for values, place in entries])
            for (values, place), number in zip(entries, numbers, strict=True):
                values[place] = number


def _is_number(value: Any) -> bool:
    if isinstance(value, torch.Tensor):
        return value.numel() == 1
    return isinstance(value, (int, float, np.number)) or (isinstance(value, np.ndarray) and value.ndim == 0)


def _numbers(tensors: list[torch.Tensor]) -> list[float]:
    with torch.no_grad():
        try:
            # Scalars of one kind, as they mostly are: one call instead of several for each.
            return torch.stack(tensors).double().reshape(-1).tolist()
        except (RuntimeError, TypeError):
            return torch.stack([one.reshape(()).double() for one in tensors]).tolist()
