"""Which classes of pytorch_optimizer 4.1 can be used and what they need, and why the others cannot."""

from __future__ import annotations

from collections.abc import Mapping

import attrs


@attrs.frozen
class Entry:
    """What the adapter of a class must know that its signature does not tell.

    Args:
        takes: what its constructor takes: `params`; the `model`; `params` and the class of a `base` optimizer; or
            an `optimizer` that it wraps.
        flags: which capabilities it has.
        mark: the option of a group that tells matrices, which are for Muon, from the rest.
    """

    takes: str = "params"
    flags: tuple[str, ...] = ()
    mark: str | None = None


_PLAIN = (
    *("ADOPT", "APOLLO", "ASGD", "AccSGD", "AdEMAMix", "AdaBelief", "AdaBound", "AdaDelta"),
    *("AdaFactor", "AdaGC", "AdaMax", "AdaMod", "AdaNorm", "AdaPNM", "AdaSmooth", "AdaTAM"),
    *("Adai", "Adalite", "AdamC", "AdamG", "AdamP", "AdamS", "AdamWSN", "Adan"),
    *("AggMo", "Aida", "Alice", "Amos", "Ano", "ApolloDQN", "AvaGrad", "BCOS"),
    *("CAME", "DASH", "DAdaptAdaGrad", "DAdaptAdam", "DAdaptAdan", "DAdaptLion", "DAdaptSGD", "DiffGrad"),
    *("DualAdam", "EXAdam", "FAdam", "FOCUS", "FTRL", "Fira", "FlashAdamW", "Fromage"),
    *("GaLore", "Grams", "Gravity", "GrokFastAdamW", "Kate", "Kron", "LARS", "LaProp"),
    *("Lamb", "Lion", "LoRARite", "MADGRAD", "MARS", "MSVAG", "Nero", "NovoGrad"),
    *("PAdam", "PID", "PNM", "Prodigy", "QHAdam", "QHM", "RACS", "RAdam"),
    *("ROSE", "Ranger", "SGDP", "SGDSaI", "SGDW", "SM3", "SOAP", "SPAM"),
    *("SRMM", "SWATS", "SaRA", "Shampoo", "SignSGD", "SimplifiedAdEMAMix", "StableAdamW", "StableSPAM"),
    *("TAM", "Tiger", "VSGD", "Yogi"),
)

_MODES = ("has_modes", "owns_schedule")

USABLE: Mapping[str, Entry] = {
    **dict.fromkeys(_PLAIN, Entry()),
    **dict.fromkeys(("BSAM", "EmoFact", "EmoLynx", "EmoNavi"), Entry(flags=("needs_closure",))),
    **dict.fromkeys(("ScheduleFreeAdamW", "ScheduleFreeRAdam", "ScheduleFreeSGD"), Entry(flags=_MODES)),
    "SPlus": Entry(flags=("has_modes",)),
    "Ranger21": Entry(flags=("owns_schedule",)),
    **dict.fromkeys(
        ("AdaGO", "AdaMuon", "Muon", "MuonClip", "NorMuon"), Entry(flags=("needs_split",), mark="use_muon")
    ),
    "SpectralSphere": Entry(flags=("needs_split",)),
    "AdamMini": Entry("model", ("needs_model",)),
    **dict.fromkeys(("FriendlySAM", "LookSAM", "SAM"), Entry("base", ("needs_closure",))),
    "WSAM": Entry("base", ("needs_closure", "needs_model")),
    **dict.fromkeys(("Lookahead", "Magma", "TRAC"), Entry("optimizer")),
    "OrthoGrad": Entry("optimizer"),
    "ScheduleFreeWrapper": Entry("optimizer", _MODES),
}

_TORCHS = "is torch's own class, which has the same name without the prefix"
_STATE = "keeps objects in its state that are no plain data, so that no checkpoint could hold it"
_GRAPH = "needs gradients that can be differentiated again, which no optimizer hook makes"
_BACKWARD = "updates the weights within its own backward, which leaves no step for a hook to take"

# Completes the sentence "NAME cannot be used: it ...".
REFUSED: Mapping[str, str] = {
    **dict.fromkeys(("Adam", "AdamW", "LBFGS", "NAdam", "RMSprop", "SGD"), _TORCHS),
    **dict.fromkeys(("AdaShift", "Conda", "SCION", "SCIONLight", "ScalableShampoo"), _STATE),
    **dict.fromkeys(("AdaHessian", "SophiaH"), _GRAPH),
    **dict.fromkeys(("AdaLOMO", "LOMO"), _BACKWARD),
    **dict.fromkeys(("A2Grad", "AliG"), "has no learning rate in its groups, which loggers and policies read"),
    "DeMo": "exchanges gradients between processes by itself, beside what DDP does",
    "DistributedMuon": "exchanges updates between processes by itself, beside what DDP does",
    "GSAM": "takes a scheduler object of its own, which a config cannot name",
    "PCGrad": "takes several losses in a backward of its own",
    "SafeFP16Optimizer": "scales the loss in a backward of its own; fp16 in the config does so for any optimizer",
}
