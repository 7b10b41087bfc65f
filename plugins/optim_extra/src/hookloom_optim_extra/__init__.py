"""Optimizers, learning-rate updaters and momentum updaters beyond the everyday ones, one a file.

A config names them; code imports them from here, each when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hookloom_optim_extra.constructors.freeze import FreezeConstructor
    from hookloom_optim_extra.constructors.layer_decay import (
        LayerDecayOptimizerConstructor,
        LearningRateDecayOptimizerConstructor,
    )
    from hookloom_optim_extra.constructors.muon import MuonConstructor
    from hookloom_optim_extra.constructors.no_decay import NoDecay1dConstructor
    from hookloom_optim_extra.lr.cosine_restart import CosineRestartLrUpdaterHook
    from hookloom_optim_extra.lr.cosine_with_hold import CosineWithHoldLrUpdaterHook
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
    from hookloom_optim_extra.optim.adan import Adan
    from hookloom_optim_extra.optim.ademamix import AdEMAMix
    from hookloom_optim_extra.optim.lamb import LAMB
    from hookloom_optim_extra.optim.lars import LARS
    from hookloom_optim_extra.optim.lion import Lion
    from hookloom_optim_extra.optim.mars import MARS
    from hookloom_optim_extra.optim.muon_adamw import MuonAdamW
    from hookloom_optim_extra.optim.prodigy import Prodigy
    from hookloom_optim_extra.optim.schedule_free_adamw import ScheduleFreeAdamW
    from hookloom_optim_extra.optim.schedule_free_sgd import ScheduleFreeSGD
    from hookloom_optim_extra.optim.soap import SOAP
else:
    from core.lazy import lazy_names

    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "AdEMAMix": "hookloom_optim_extra.optim.ademamix",
            "Adan": "hookloom_optim_extra.optim.adan",
            "CosineAnnealingMomentumUpdaterHook": "hookloom_optim_extra.momentum.cosine_annealing",
            "CosineRestartLrUpdaterHook": "hookloom_optim_extra.lr.cosine_restart",
            "CosineWithHoldLrUpdaterHook": "hookloom_optim_extra.lr.cosine_with_hold",
            "CyclicLrUpdaterHook": "hookloom_optim_extra.lr.cyclic",
            "CyclicMomentumUpdaterHook": "hookloom_optim_extra.momentum.cyclic",
            "ExpLrUpdaterHook": "hookloom_optim_extra.lr.exp",
            "FlatCosineAnnealingLrUpdaterHook": "hookloom_optim_extra.lr.flat_cosine",
            "FreezeConstructor": "hookloom_optim_extra.constructors.freeze",
            "InvLrUpdaterHook": "hookloom_optim_extra.lr.inv",
            "InverseSqrtLrUpdaterHook": "hookloom_optim_extra.lr.inverse_sqrt",
            "LAMB": "hookloom_optim_extra.optim.lamb",
            "LARS": "hookloom_optim_extra.optim.lars",
            "LayerDecayOptimizerConstructor": "hookloom_optim_extra.constructors.layer_decay",
            "LearningRateDecayOptimizerConstructor": "hookloom_optim_extra.constructors.layer_decay",
            "LinearAnnealingLrUpdaterHook": "hookloom_optim_extra.lr.linear_annealing",
            "LinearAnnealingMomentumUpdaterHook": "hookloom_optim_extra.momentum.linear_annealing",
            "LinearToZeroLrUpdaterHook": "hookloom_optim_extra.lr.linear_to_zero",
            "Lion": "hookloom_optim_extra.optim.lion",
            "MARS": "hookloom_optim_extra.optim.mars",
            "MuonAdamW": "hookloom_optim_extra.optim.muon_adamw",
            "MuonConstructor": "hookloom_optim_extra.constructors.muon",
            "NoDecay1dConstructor": "hookloom_optim_extra.constructors.no_decay",
            "NoamLrUpdaterHook": "hookloom_optim_extra.lr.noam",
            "OneCycleLrUpdaterHook": "hookloom_optim_extra.lr.one_cycle",
            "OneCycleMomentumUpdaterHook": "hookloom_optim_extra.momentum.one_cycle",
            "PlateauLrUpdaterHook": "hookloom_optim_extra.lr.plateau",
            "Prodigy": "hookloom_optim_extra.optim.prodigy",
            "SOAP": "hookloom_optim_extra.optim.soap",
            "ScheduleFreeAdamW": "hookloom_optim_extra.optim.schedule_free_adamw",
            "ScheduleFreeSGD": "hookloom_optim_extra.optim.schedule_free_sgd",
            "SequentialLrUpdaterHook": "hookloom_optim_extra.lr.sequential",
            "StepMomentumUpdaterHook": "hookloom_optim_extra.momentum.step",
            "TorchLrUpdaterHook": "hookloom_optim_extra.lr.torch_scheduler",
            "WSDLrUpdaterHook": "hookloom_optim_extra.lr.wsd",
        },
    )

__all__ = [
    "LAMB",
    "LARS",
    "MARS",
    "SOAP",
    "AdEMAMix",
    "Adan",
    "CosineAnnealingMomentumUpdaterHook",
    "CosineRestartLrUpdaterHook",
    "CosineWithHoldLrUpdaterHook",
    "CyclicLrUpdaterHook",
    "CyclicMomentumUpdaterHook",
    "ExpLrUpdaterHook",
    "FlatCosineAnnealingLrUpdaterHook",
    "FreezeConstructor",
    "InvLrUpdaterHook",
    "InverseSqrtLrUpdaterHook",
    "LayerDecayOptimizerConstructor",
    "LearningRateDecayOptimizerConstructor",
    "LinearAnnealingLrUpdaterHook",
    "LinearAnnealingMomentumUpdaterHook",
    "LinearToZeroLrUpdaterHook",
    "Lion",
    "MuonAdamW",
    "MuonConstructor",
    "NoDecay1dConstructor",
    "NoamLrUpdaterHook",
    "OneCycleLrUpdaterHook",
    "OneCycleMomentumUpdaterHook",
    "PlateauLrUpdaterHook",
    "Prodigy",
    "ScheduleFreeAdamW",
    "ScheduleFreeSGD",
    "SequentialLrUpdaterHook",
    "StepMomentumUpdaterHook",
    "TorchLrUpdaterHook",
    "WSDLrUpdaterHook",
]
