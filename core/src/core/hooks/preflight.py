"""What a component may know of the run while its options are checked, before anything is built."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import frozen

Finding = tuple[str, str]
"""The name of an option, and what is wrong with its value in this run."""
Findings = Iterable[Finding]


@frozen
class RunFacts:
    """The run as its config describes it.

    Args:
        max_epochs: its length in epochs; None where only iterations are counted, or nothing is known.
        max_iters: its length in iterations; None where it depends on the size of the dataset.
        evaluates: whether the model is evaluated during training.
    """

    max_epochs: int | None = None
    max_iters: int | None = None
    evaluates: bool = False

    def length(self, by_epoch: bool) -> int | None:
        """Return the length in epochs or in iterations, None where it is not known yet."""
        return self.max_epochs if by_epoch else self.max_iters
