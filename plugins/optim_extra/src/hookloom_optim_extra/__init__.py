"""Optimizers, learning-rate updaters and momentum updaters beyond the everyday ones, one a file.

A config names them; code imports them from here, each when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hookloom_optim_extra.lr.cosine_restart import CosineRestartLrUpdaterHook
    from hookloom_optim_extra.lr.cyclic import CyclicLrUpdaterHook
    from hookloom_optim_extra.lr.exp import ExpLrUpdaterHook
    from hookloom_optim_extra.lr.flat_cosine import FlatCosineAnnealingLrUpdaterHook
    from hookloom_optim_extra.lr.inv import InvLrUpdaterHook
    from hookloom_optim_extra.lr.linear_annealing import LinearAnnealingLrUpdaterHook
    from hookloom_optim_extra.lr.one_cycle import OneCycleLrUpdaterHook
    from hookloom_optim_extra.momentum.cosine_annealing import CosineAnnealingMomentumUpdaterHook
    from hookloom_optim_extra.momentum.cyclic import CyclicMomentumUpdaterHook
    from hookloom_optim_extra.momentum.linear_annealing import LinearAnnealingMomentumUpdaterHook
    from hookloom_optim_extra.momentum.one_cycle import OneCycleMomentumUpdaterHook
    from hookloom_optim_extra.momentum.step import StepMomentumUpdaterHook
    from hookloom_optim_extra.optim.lion import Lion
else:
    from core.lazy import lazy_names

    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "CosineAnnealingMomentumUpdaterHook": "hookloom_optim_extra.momentum.cosine_annealing",
            "CosineRestartLrUpdaterHook": "hookloom_optim_extra.lr.cosine_restart",
            "CyclicLrUpdaterHook": "hookloom_optim_extra.lr.cyclic",
            "CyclicMomentumUpdaterHook": "hookloom_optim_extra.momentum.cyclic",
            "ExpLrUpdaterHook": "hookloom_optim_extra.lr.exp",
            "FlatCosineAnnealingLrUpdaterHook": "hookloom_optim_extra.lr.flat_cosine",
            "InvLrUpdaterHook": "hookloom_optim_extra.lr.inv",
            "LinearAnnealingLrUpdaterHook": "hookloom_optim_extra.lr.linear_annealing",
            "LinearAnnealingMomentumUpdaterHook": "hookloom_optim_extra.momentum.linear_annealing",
            "Lion": "hookloom_optim_extra.optim.lion",
            "OneCycleLrUpdaterHook": "hookloom_optim_extra.lr.one_cycle",
            "OneCycleMomentumUpdaterHook": "hookloom_optim_extra.momentum.one_cycle",
            "StepMomentumUpdaterHook": "hookloom_optim_extra.momentum.step",
        },
    )

__all__ = [
    "CosineAnnealingMomentumUpdaterHook",
    "CosineRestartLrUpdaterHook",
    "CyclicLrUpdaterHook",
    "CyclicMomentumUpdaterHook",
    "ExpLrUpdaterHook",
    "FlatCosineAnnealingLrUpdaterHook",
    "InvLrUpdaterHook",
    "LinearAnnealingLrUpdaterHook",
    "LinearAnnealingMomentumUpdaterHook",
    "Lion",
    "OneCycleLrUpdaterHook",
    "OneCycleMomentumUpdaterHook",
    "StepMomentumUpdaterHook",
]
