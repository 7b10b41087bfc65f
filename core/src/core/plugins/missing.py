"""Components of the first-party plugins, so that an error can name the package that brings one."""

from __future__ import annotations

# registry -> component -> distribution; a test compares it with the plugins' own entry points.
FIRST_PARTY: dict[str, dict[str, str]] = {
    "optimizers": {
        "Lion": "hookloom-optim-extra",
        "LAMB": "hookloom-optim-extra",
        "LARS": "hookloom-optim-extra",
        "Adan": "hookloom-optim-extra",
        "AdEMAMix": "hookloom-optim-extra",
        "MARS": "hookloom-optim-extra",
        "MuonAdamW": "hookloom-optim-extra",
        "SOAP": "hookloom-optim-extra",
        "Prodigy": "hookloom-optim-extra",
        "ScheduleFreeAdamW": "hookloom-optim-extra",
        "ScheduleFreeSGD": "hookloom-optim-extra",
    },
    "optimizer_builders": {
        "LayerDecayOptimizerConstructor": "hookloom-optim-extra",
        "LearningRateDecayOptimizerConstructor": "hookloom-optim-extra",
        "NoDecay1dConstructor": "hookloom-optim-extra",
        "MuonConstructor": "hookloom-optim-extra",
        "FreezeConstructor": "hookloom-optim-extra",
    },
    "lr_updaters": {
        "exp": "hookloom-optim-extra",
        "inv": "hookloom-optim-extra",
        "LinearAnnealing": "hookloom-optim-extra",
        "FlatCosineAnnealing": "hookloom-optim-extra",
        "CosineRestart": "hookloom-optim-extra",
        "cyclic": "hookloom-optim-extra",
        "OneCycle": "hookloom-optim-extra",
        "WSD": "hookloom-optim-extra",
        "InverseSqrt": "hookloom-optim-extra",
        "Noam": "hookloom-optim-extra",
        "LinearToZero": "hookloom-optim-extra",
        "CosineWithHold": "hookloom-optim-extra",
        "Sequential": "hookloom-optim-extra",
        "Plateau": "hookloom-optim-extra",
        "torch": "hookloom-optim-extra",
    },
    "momentum_updaters": {
        "step": "hookloom-optim-extra",
        "CosineAnnealing": "hookloom-optim-extra",
        "LinearAnnealing": "hookloom-optim-extra",
        "cyclic": "hookloom-optim-extra",
        "OneCycle": "hookloom-optim-extra",
    },
    "hooks": {
        "TensorboardLoggerHook": "hookloom-loggers",
        "WandbLoggerHook": "hookloom-loggers",
        "MlflowLoggerHook": "hookloom-loggers",
        "EMAHook": "hookloom-hooks",
        "EarlyStoppingHook": "hookloom-hooks",
        "EmptyCacheHook": "hookloom-hooks",
        "GradientMonitorHook": "hookloom-hooks",
        "NumClassCheckHook": "hookloom-hooks",
        "PreciseBNHook": "hookloom-hooks",
        "ProfilerHook": "hookloom-hooks",
        "SyncBuffersHook": "hookloom-hooks",
    },
}

# registry -> prefix of the names of a library -> the extra that offers them.
LIBRARIES: dict[str, dict[str, str]] = {
    "optimizers": {"pytorch_optimizer": "hookloom-optim-extra[pytorch-optimizer]"},
}

FOLDERS = {
    "hookloom-optim-extra": "plugins/optim_extra",
    "hookloom-loggers": "plugins/loggers",
    "hookloom-hooks": "plugins/hooks",
}


def how_to_install(distribution: str) -> str:
    """Return the command that installs a first-party plugin, with an extra if one is named."""
    name, bracket, extra = distribution.partition("[")
    quote = "'" * bool(bracket)
    whole, folder = f"{quote}{distribution}{quote}", f"{quote}./{FOLDERS[name]}{bracket}{extra}{quote}"
    return f"pip install {whole} (in a checkout: pip install {folder})"
