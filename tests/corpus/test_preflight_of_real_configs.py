"""The schedule and runtime sections of every runnable config of eleven MMCV 1.x projects pass preflight."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

import attrs
import corpus
import golden
import pytest

from core.config.converter import check
from core.config.loader import Loaded, load
from core.config.locations import format_path
from core.config.problems import Problem
from core.errors import ConfigError
from core.registries import DATASETS, HOOKS, LR_UPDATERS, MODELS, OPTIMIZER_BUILDERS, OPTIMIZERS
from core.registry import Registry

FOLDER = corpus.folder()
PROJECTS = sorted(golden.load("config_frequency")["summary"])

pytestmark = [
    pytest.mark.corpus,
    pytest.mark.skipif(FOLDER is None, reason="`nox -s corpus` fetches the configs"),
    pytest.mark.filterwarnings("ignore:The config file:DeprecationWarning"),
]

# What the projects register themselves; here it takes any key.
OWN_TYPES: dict[Registry, str] = {
    LR_UPDATERS: "CosineAnnealingCooldown Linear Reduce SiameseRPN StepFixCosineAnnealing YOLOX",
    OPTIMIZERS: "LARS Lamb",
    OPTIMIZER_BUILDERS: "TSMOptimizerConstructor TransformerFinetuneConstructor",
    HOOKS: "BYOLHook CheckInvalidLossHook DeepClusterHook ExpMomentumEMAHook ExponentialMovingAverageHook InterCLRHook "
    "IterTextLoggerHook MMDetWandbHook ModelSetEpochHook MomentumUpdateHook ODCHook PaviLoggerHook PreciseBNHook "
    "RFSearchHook SetEpochInfoHook SiameseRPNFp16OptimizerHook SiameseRPNOptimizerHook SimSiamHook SwAVHook "
    "SyncNormHook YOLOXModeSwitchHook",
}
# These name a base that the package does not hold.
WITHOUT_BASE = {
    "mmcls/configs/mobilenet_v3/mobilenet-v3-small_8xb16_cifar10.py",
    "mmcls/configs/mobilenet_v3/mobilenet_v3_small_cifar.py",
}
OWN_MODULES = ("mmcls", "mmcls.models", "mmselfsup.models.utils.res_layer_extra_norm")

# Mistakes that stand in these configs: why they are some, the keys that are reported, the configs below `configs`.
MISTAKES: list[tuple[str, tuple[str, ...], str, list[str]]] = [
    (
        "the base's `step` stayed when the child chose another policy; MMCV fails to build the updater",
        ("lr_config.step",),
        "mmaction2/configs/recognition/",
        [
            "csn/ipcsn_bnfrozen_r152_32x2x1_180e_kinetics400_rgb.py",
            "csn/ircsn_bnfrozen_r152_32x2x1_180e_kinetics400_rgb.py",
            "csn/ircsn_bnfrozen_r50_32x2x1_180e_kinetics400_rgb.py",
            "slowonly/slowonly_imagenet_pretrained_r50_8x4x1_64e_hmdb51_rgb.py",
            "slowonly/slowonly_imagenet_pretrained_r50_8x4x1_64e_sthv1_rgb.py",
            "slowonly/slowonly_imagenet_pretrained_r50_8x4x1_64e_sthv2_rgb.py",
            "slowonly/slowonly_imagenet_pretrained_r50_8x4x1_64e_ucf101_rgb.py",
        ],
    ),
    (
        "`_delete_=True` was meant; MMCV takes no notice and merges the base's rules in",
        ("optimizer.paramwise_cfg._delete",),
        "mmcls/configs/twins/",
        [
            "twins-pcpvt-base_8xb128_in1k.py",
            "twins-pcpvt-large_16xb64_in1k.py",
            "twins-pcpvt-small_8xb128_in1k.py",
            "twins-svt-base_8xb128_in1k.py",
            "twins-svt-large_16xb64_in1k.py",
            "twins-svt-small_8xb128_in1k.py",
        ],
    ),
    (
        "a hook without type; MMCV fails to build it",
        ("custom_hooks[0]",),
        "mmdet/configs/rfnext/",
        ["rfnext_fixed_multi_branch_cascade_mask_rcnn_hrnetv2p_w18_20e_coco.py"],
    ),
    (
        "`decay_mult` was meant; MMCV takes no notice of `wd_mult`",
        ("optimizer.paramwise_cfg.custom_keys.theta.wd_mult", "optimizer.paramwise_cfg.custom_keys.phi.wd_mult"),
        "mmsegmentation/configs/dnlnet/",
        ["dnl_r101-d8_769x769_80k_cityscapes.py", "dnl_r50-d8_769x769_80k_cityscapes.py"],
    ),
    (
        "the section names no hook that takes the key: the project's training function puts its own in",
        ("optimizer_config.update_interval",),
        "mmselfsup/configs/selfsup/",
        [
            "barlowtwins/barlowtwins_resnet50_8xb32-accum8-coslr-100e_in1k.py",
            "byol/byol_resnet50_16xb256-coslr-200e_in1k.py",
            "byol/byol_resnet50_8xb256-fp16-accum2-coslr-100e_in1k.py",
            "byol/byol_resnet50_8xb256-fp16-accum2-coslr-200e_in1k.py",
            "byol/byol_resnet50_8xb256-fp16-accum2-coslr-300e_in1k.py",
            "byol/byol_resnet50_8xb32-accum16-coslr-100e_in1k.py",
            "byol/byol_resnet50_8xb32-accum16-coslr-200e_in1k.py",
            "byol/byol_resnet50_8xb32-accum16-coslr-300e_in1k.py",
        ],
    ),
    (
        "the same",
        ("optimizer_config.frozen_layers_cfg",),
        "mmselfsup/configs/selfsup/",
        ["swav/swav_resnet50_8xb32-mcrop-2-6-coslr-200e_in1k-224-96.py"],
    ),
    (
        "no mistake, but for one kind of device alone: its runner and its hook, which are not named, took these",
        ("runner.ipu_model_cfg", "runner.options_cfg", "fp16.velocity_accum_type", "fp16.accum_type"),
        "mmcls/configs/vision_transformer/",
        ["vit-base-p16_ft-4xb544-ipu_in1k.py"],
    ),
]
EXPECTED = {prefix + name: set(keys) for _, keys, prefix, names in MISTAKES for name in names}
# Steps of schedules that were shortened; all that is warned of.
NEVER_REACHED = {"mmcls": 5, "mmedit": 8, "mmselfsup": 5}


class Model:
    """Stands for any model."""


class Dataset:
    """Stands for any dataset; what it is evaluated by is its own business."""

    def evaluate(self, results: Any, logger: Any = None, **options: Any) -> None:
        """Nothing evaluates it."""


class Own:
    """Stands for what a project registers."""

    def __init__(self, **options: Any) -> None:
        raise SystemExit("preflight built something")


@pytest.fixture(autouse=True)
def own_types(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for registry in (MODELS, DATASETS, *OWN_TYPES):
        monkeypatch.setattr(registry, "_local", dict(registry._local))
    MODELS.register_module(module=Model)
    DATASETS.register_module(module=Dataset)
    for registry, names in OWN_TYPES.items():
        registry.register_module(name=names.split(), module=Own)
    for name in OWN_MODULES:
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.chdir(tmp_path)


def without_model_and_data(loaded: Loaded) -> Loaded:
    data = {split: {"type": "Dataset"} for split in ("train", "val", "test")}
    for key in ("load_from", "resume_from"):
        path = loaded.data.get(key)
        if path and "://" not in path:  # made by the run before, which nobody has done here
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            Path(path).touch()
    return attrs.evolve(loaded, data={**loaded.data, "model": {"type": "Model"}, "data": data})


def findings(file: Path) -> list[Problem]:
    """Return all that is found in a config."""
    loaded = without_model_and_data(load(file))
    # A config that names no optimizer is made for tests of weights.
    training = "optimizer" in loaded.data or "optimizers" in loaded.data
    try:
        return check(loaded, training=training)[1]
    except ConfigError as error:
        return list(error.problems)


@pytest.mark.parametrize("project", PROJECTS)
def test_schedules_and_runtime_pass_but_for_real_mistakes(project: str) -> None:
    assert FOLDER is not None
    if project == "mmselfsup":  # it puts a constructor of its own in the place of MMCV's
        OPTIMIZER_BUILDERS.register_module(name="DefaultOptimizerConstructor", module=Own, force=True)
    mistakes: dict[str, set[str]] = {}
    warnings, checked = [], 0
    for file in corpus.runnable(FOLDER / project):
        if str(file.relative_to(FOLDER)) in WITHOUT_BASE:
            continue
        checked += 1
        for problem in findings(file):
            if problem.severity == "error":
                mistakes.setdefault(str(file.relative_to(FOLDER)), set()).add(format_path(problem.path))
            else:
                warnings.append(problem.text())
    assert mistakes == {name: keys for name, keys in EXPECTED.items() if name.startswith(f"{project}/")}
    assert [text for text in warnings if "is never reached: the run ends after" not in text] == []
    assert len(warnings) == NEVER_REACHED.get(project, 0)
    assert checked == golden.load("config_frequency")["summary"][project]["runnable_loaded"]


def test_all_are_counted() -> None:
    assert sum(one["runnable_loaded"] for one in golden.load("config_frequency")["summary"].values()) == 2693
    assert len(EXPECTED) == 26
