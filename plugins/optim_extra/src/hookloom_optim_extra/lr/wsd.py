"""The LR policy `WSD`: stable for most of the run, then a short decay."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import cos, pi, sqrt
from typing import TYPE_CHECKING, Any

import attrs

from core import LrUpdaterHook, hook
from core.hooks.define import ge
from core.hooks.options import one_of
from core.hooks.preflight import Findings, RunFacts
from core.lr import lowest
from hookloom_optim_extra.lengths import Length, length, refuse, span
from hookloom_optim_extra.options import one_minimum

if TYPE_CHECKING:
    from core.hooks.protocol import Runner

SHAPES: dict[str, Callable[[float], float]] = {
    "linear": lambda part: 1 - part,
    "cosine": lambda part: 0.5 * (1 + cos(pi * part)),
    "1-sqrt": lambda part: 1 - sqrt(part),
}


@hook
class WSDLrUpdaterHook(LrUpdaterHook):
    """Warm up, keep the learning rate, and decay it at the end of the run.

    lr = base_lr up to start = max_progress - decay, then low + (base_lr - low) * f((progress - start) / decay),
    where low is min_lr or base_lr * min_lr_ratio and f(x) is 1 - x (`linear`), (1 + cos(pi * x)) / 2 (`cosine`)
    or 1 - sqrt(x) (`1-sqrt`). The warm-up is that of every policy: `warmup='linear'`, `warmup_iters`.
    (Hu et al., MiniCPM, 2024, arXiv 2404.06395; the shape 1-sqrt: Hägele et al., Scaling Laws and
    Compute-Optimal Training Beyond Fixed Training Durations, 2024, arXiv 2405.18392)

    Args:
        decay: the length of the decay: epochs or iterations, or a float for a part of the run.
        shape: `linear`, `cosine` or `1-sqrt`.
        min_lr: where the decay ends.
        min_lr_ratio: the same as a part of the base lr; at most one of the two is given.
    """

    decay: Length = attrs.field(default=0.1, validator=length)
    shape: str = attrs.field(default="1-sqrt", validator=one_of(*SHAPES))
    min_lr: float = attrs.field(default=0.0, validator=ge(0))
    min_lr_ratio: float | None = attrs.field(default=None, validator=one_minimum)

    @classmethod
    def preflight(cls, options: Mapping[str, Any], run: RunFacts) -> Findings:
        """Refuse a decay that is longer than the run."""
        total = run.length(bool(options["by_epoch"]))
        if total is not None and span(options["decay"], total) > total:
            yield "decay", f"of {options['decay']} is longer than the run of {total}"

    def before_run(self, runner: Runner) -> None:
        """Refuse a decay that is longer than the run."""
        super().before_run(runner)
        refuse(self, runner)

    def get_lr(self, runner: Runner, base_lr: float) -> float:
        """Return the base lr, or the lr on the decay."""
        done, total = self.progress(runner)
        decay = span(self.decay, total)
        start = total - decay
        if done < start or not decay:
            return base_lr
        low = lowest(base_lr, self.min_lr, self.min_lr_ratio)
        return low + (base_lr - low) * SHAPES[self.shape]((done - start) / decay)
