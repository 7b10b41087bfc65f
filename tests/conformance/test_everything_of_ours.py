"""Everything that our distributions offer stands the conformance kit, with no exemption but the declared ones."""

from __future__ import annotations

import functools

import pytest

from core.plugins.catalog import Offer, catalog
from core.testing import Check, distribution_checks, run_checks
from core.testing.distribution import KINDS, cases_of

DISTRIBUTIONS = ("hookloom-core", "hookloom-optim-extra", "hookloom-hooks", "hookloom-loggers")


@functools.cache
def checks_of(distribution: str) -> dict[str, list[Check]]:
    found: dict[str, list[Check]] = {}
    for check in distribution_checks(distribution):
        # Compiling takes longer than all else together; of torch's own optimizers one is enough to try the check.
        if check.name != "compile" or distribution != "hookloom-core" or check.subject.label == "AdamW":
            found.setdefault(f"{check.subject.kind}/{check.subject.label}", []).append(check)
    return found


# From metadata alone: collecting the tests imports no plugin.
OFFERS = [
    one
    for one in catalog().offers
    if one.provider.distribution in DISTRIBUTIONS
    and one.registry in KINDS
    and not one.name.startswith("pytorch_optimizer.")  # that library's code, and not ours
]


@pytest.mark.slow
@pytest.mark.parametrize("offer", OFFERS, ids=lambda offer: f"{offer.registry}-{offer.name}")
def test_conformance(offer: Offer) -> None:
    kinds = {KINDS[offer.registry], "logger hook"} if offer.registry == "hooks" else {KINDS[offer.registry]}
    checks = [
        check
        for key, several in checks_of(offer.provider.distribution).items()
        if key in {f"{kind}/{offer.name}" for kind in kinds} or (offer.is_family and key.startswith("optimizer/"))
        for check in several
    ]
    report = run_checks(checks).verify()
    assert len(report.results) > 12


# What is wrong in torch we can only name; of ours, only what lies in the nature of the thing is exempt.
EXEMPT = {
    "hooks/CheckpointHook": {"unknown_keyword"},
    "hooks/EvalHook": {"unknown_keyword"},
    "hooks/DistEvalHook": {"unknown_keyword"},
    "hooks/DistSamplerSeedHook": {"weights"},
    "hooks/Fp16OptimizerHook": {"no_waiting"},
    "hooks/GradientCumulativeFp16OptimizerHook": {"no_waiting"},
    "hooks/EMAHook": {"weights"},
    "hooks/PreciseBNHook": {"weights"},
    "lr_updaters/OneCycle": {"base_value"},
    "momentum_updaters/OneCycle": {"base_value"},
    "optimizer_builders/FreezeConstructor": {"model_untouched"},
    "optimizers/SOAP": {"float64", "float16", "bfloat16", "channels_last"},
}


def test_the_exemptions_are_few_and_have_reasons() -> None:
    found = {}
    for distribution in DISTRIBUTIONS:
        for key, case in cases_of(distribution).items():
            exempt = case.get("exempt", {})
            assert all(len(reason) > 15 for reason in exempt.values()), key
            foreign = key.startswith("optimizers/pytorch_optimizer.")
            if exempt and not foreign and not (distribution == "hookloom-core" and key.startswith("optimizers/")):
                found[key] = set(exempt)
    assert found == EXEMPT
