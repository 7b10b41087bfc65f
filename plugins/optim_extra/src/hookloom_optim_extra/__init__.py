"""Optimizers, learning-rate updaters and momentum updaters beyond the everyday ones, one a file.

A config names them; code imports them from here, each when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hookloom_optim_extra.lr.cosine_hold import CosineHoldLrUpdaterHook
    from hookloom_optim_extra.lr.cosine_restart import CosineRestartLrUpdaterHook
    from hookloom_optim_extra.lr.cyclic import CyclicLrUpdaterHook
    from hookloom_optim_extra.lr.exp import ExpLrUpdaterHook
    from hookloom_optim_extra.lr.flat_cosine import FlatCosineAnnealingLrUpdaterHook
    from hookloom_optim_extra.lr.inv import InvLrUpdaterHook
    from hookloom_optim_extra.lr.inverse_sqrt import InverseSqrtLrUpdaterHook
    from hookloom_optim_extra.lr.linear_annealing import LinearAnnealingLrUpdaterHook
    from hookloom_optim_extra.lr.linear_to_zero import LinearToZeroLrUpdaterHook
    from hookloom_optim_extra.lr.noam import NoamLrUpdaterHook
    from hookloom_optim_extra.lr.one_cycle import OneCycleLrUpdaterHook
    from hookloom_optim_extra.lr.plateau import PlateauLrUpdaterHook
    from hookloom_optim_extra.lr.sequential import SequentialLrUpdaterHook
    from hookloom_optim_extra.lr.torch_scheduler import TorchLrUpdaterHook
    from hookloom_optim_extra.lr.wsd import WSDLrUpdaterHook
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
            "CosineHoldLrUpdaterHook": "hookloom_optim_extra.lr.cosine_hold",
            "CosineRestartLrUpdaterHook": "hookloom_optim_extra.lr.cosine_restart",
            "CyclicLrUpdaterHook": "hookloom_optim_extra.lr.cyclic",
            "CyclicMomentumUpdaterHook": "hookloom_optim_extra.momentum.cyclic",
            "ExpLrUpdaterHook": "hookloom_optim_extra.lr.exp",
            "FlatCosineAnnealingLrUpdaterHook": "hookloom_optim_extra.lr.flat_cosine",
            "InvLrUpdaterHook": "hookloom_optim_extra.lr.inv",
            "InverseSqrtLrUpdaterHook": "hookloom_optim_extra.lr.inverse_sqrt",
            "LinearAnnealingLrUpdaterHook": "hookloom_optim_extra.lr.linear_annealing",
            "LinearAnnealingMomentumUpdaterHook": "hookloom_optim_extra.momentum.linear_annealing",
            "LinearToZeroLrUpdaterHook": "hookloom_optim_extra.lr.linear_to_zero",
            "Lion": "hookloom_optim_extra.optim.lion",
            "NoamLrUpdaterHook": "hookloom_optim_extra.lr.noam",
            "OneCycleLrUpdaterHook": "hookloom_optim_extra.lr.one_cycle",
            "OneCycleMomentumUpdaterHook": "hookloom_optim_extra.momentum.one_cycle",
            "PlateauLrUpdaterHook": "hookloom_optim_extra.lr.plateau",
            "SequentialLrUpdaterHook": "hookloom_optim_extra.lr.sequential",
            "StepMomentumUpdaterHook": "hookloom_optim_extra.momentum.step",
            "TorchLrUpdaterHook": "hookloom_optim_extra.lr.torch_scheduler",
            "WSDLrUpdaterHook": "hookloom_optim_extra.lr.wsd",
        },
    )

__all__ = [
    "CosineAnnealingMomentumUpdaterHook",
    "CosineHoldLrUpdaterHook",
    "CosineRestartLrUpdaterHook",
    "CyclicLrUpdaterHook",
    "CyclicMomentumUpdaterHook",
    "ExpLrUpdaterHook",
    "FlatCosineAnnealingLrUpdaterHook",
    "InvLrUpdaterHook",
    "InverseSqrtLrUpdaterHook",
    "LinearAnnealingLrUpdaterHook",
    "LinearAnnealingMomentumUpdaterHook",
    "LinearToZeroLrUpdaterHook",
    "Lion",
    "NoamLrUpdaterHook",
    "OneCycleLrUpdaterHook",
    "OneCycleMomentumUpdaterHook",
    "PlateauLrUpdaterHook",
    "SequentialLrUpdaterHook",
    "StepMomentumUpdaterHook",
    "TorchLrUpdaterHook",
    "WSDLrUpdaterHook",
]
