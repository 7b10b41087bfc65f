"""Whether the heads of the model have as many classes as the datasets."""

from __future__ import annotations

from typing import Any

import attrs
from torch import nn

from core.errors import OptionError
from core.hooks.base import Hook
from core.hooks.define import hook
from core.hooks.options import is_int
from core.hooks.protocol import Runner

# Classes of MMDetection whose `num_classes` is not that of the dataset.
_OF_THEIR_OWN = ("RPNHead", "VGG", "FusedSemanticHead", "GARPNHead")


@hook
class NumClassCheckHook(Hook):
    """Compare `num_classes` of every module of the model with the number of the datasets' `CLASSES`.

    Training data are checked before the first iteration, those of an evaluation before the run begins, those of
    a validation phase before its first batch. A dataset without `CLASSES` is warned of.

    Args:
        ignore: classes of modules, or paths in the model, whose `num_classes` means something else, besides
            MMDetection's RPNHead, VGG, FusedSemanticHead and GARPNHead.
    """

    ignore: list[str] = attrs.field(factory=list)
    _checked: list[Any] = attrs.field(factory=list, init=False, repr=False)

    def before_run(self, runner: Runner) -> None:
        """Check the data of evaluations: no later than the training data, since they come after an epoch."""
        self._checked = []
        for other in runner.hooks:
            self._check(runner, getattr(other, "dataloader", None))

    def before_epoch(self, runner: Runner) -> None:
        """Check the data of the phase; on an iteration-based runner, the training data once.

        Raises:
            OptionError: naming every module that does not fit, or a `CLASSES` that is a text.
        """
        self._check(runner, runner.data_loader)

    def before_val_iter(self, runner: Runner) -> None:
        """Check the data of a validation on an iteration-based runner, which tells nothing of its beginning."""
        self._check(runner, runner.data_loader)

    def teardown(self, runner: Runner) -> None:
        """Let go of the datasets."""
        self._checked = []

    def _check(self, runner: Runner, loader: Any) -> None:
        dataset = getattr(loader, "dataset", None)
        if dataset is None or any(dataset is one for one in self._checked):
            return
        self._checked.append(dataset)
        name = type(dataset).__name__
        classes = _classes_of(dataset)
        if classes is None:
            runner.logger.warning("%s has no CLASSES: whether num_classes of the model fits it is not checked", name)
            return
        if isinstance(classes, str):
            raise OptionError(
                f"CLASSES of {name} is the text {classes!r}, which counts as {len(classes)} classes; "
                f"a tuple is meant: ({classes!r},)"
            )
        wrong = [
            f"{path or 'model'} ({type(module).__name__}) has num_classes={module.num_classes}"
            for path, module in self._heads(getattr(runner.model, "module", runner.model))
            if module.num_classes != len(classes)
        ]
        if wrong:
            raise OptionError(f"{name} has {len(classes)} CLASSES, but {', '.join(wrong)}")

    def _heads(self, model: nn.Module) -> list[tuple[str, Any]]:
        ignored = {*_OF_THEIR_OWN, *self.ignore}
        return [
            (path, module)
            for path, module in model.named_modules()
            if is_int(getattr(module, "num_classes", None))
            and path not in ignored
            and not ignored.intersection(kind.__name__ for kind in type(module).__mro__)
        ]


def _classes_of(dataset: Any) -> Any:
    """Return the `CLASSES` of a dataset, or of the first one that it wraps."""
    classes = getattr(dataset, "CLASSES", None)
    if classes is not None:
        return classes
    several = getattr(dataset, "datasets", None)
    inner = several[0] if isinstance(several, (list, tuple)) and several else getattr(dataset, "dataset", None)
    return None if inner is None else _classes_of(inner)
