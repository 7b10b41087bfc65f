"""The schema of configs: it takes what the checker takes, and refuses each kind of mistake that it can see."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from core.config.converter import check
from core.config.dump import to_json
from core.config.loader import from_dict, load
from core.errors import ConfigError

ROOT = Path(__file__).parent.parent.parent
EXAMPLES = ROOT / "examples/digits"
GONE = "(gone)"
ACCUMULATING = "GradientCumulativeOptimizerHook"


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    command = [sys.executable, "-m", "core", "config", "schema", "examples/digits/lenet.py"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    schema = json.loads(done.stdout)
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    return Draft202012Validator(schema)


@pytest.fixture(autouse=True)
def from_the_root(monkeypatch: Any) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.syspath_prepend(str(ROOT))


def merged(name: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(to_json(load(EXAMPLES / name).data))
    return data


def changed(changes: dict[str, Any]) -> dict[str, Any]:
    """Return the example with keys set or taken away, by dotted key."""
    data = copy.deepcopy(merged("lenet.py"))
    for key, value in changes.items():
        *outer, last = key.split(".")
        level: Any = data
        for one in outer:
            level = level[int(one)] if isinstance(level, list) else level.setdefault(one, {})
        if value is GONE:
            del level[last]
        else:
            level[int(last) if isinstance(level, list) else last] = value
    return data


def errors(validator: Draft202012Validator, data: Any) -> list[str]:
    """Return where the schema finds errors."""
    return sorted({".".join(map(str, error.absolute_path)) for error in validator.iter_errors(data)})


def problems(data: dict[str, Any]) -> list[str]:
    """Return what the checker finds wrong."""
    try:
        check(from_dict(data))
    except ConfigError as error:
        return [one.text() for one in error.problems if one.severity == "error"]
    return []


@pytest.mark.parametrize("name", sorted(path.name for path in EXAMPLES.glob("*.*") if path.name != "digits.py"))
def test_the_examples(validator: Draft202012Validator, name: str) -> None:
    data = merged(name)
    assert problems(data) == []
    assert errors(validator, data) == []


def test_a_file_as_it_is_written(validator: Draft202012Validator) -> None:
    assert errors(validator, yaml.safe_load((EXAMPLES / "lenet.yaml").read_text())) == []


GOOD: list[dict[str, Any]] = [
    {"lr_config.policy": "cosineANNEALING"},
    {"lr_config.min_lr": None, "lr_config.min_lr_ratio": 0.1},
    {"lr_config": {"policy": "step", "step": 3}},
    {"lr_config": {"policy": "step", "step": [3, 5], "gamma": 1}},
    {"lr_config": {"policy": "hookloom-optim-extra/exp", "gamma": 0.9}},
    {"lr_config": None},
    {"momentum_config": {"policy": "cyclic", "target_ratio": [0.9, 1], "by_epoch": False}},
    {"optimizer.lr": 1},
    {"optimizer.foreach": None},
    {"optimizer": {"type": "AdamW", "lr": 1e-3, "betas": [0.9, 0.99]}},
    {"optimizer": {"type": "torch.optim.SGD", "lr": 0.1}},
    {"optimizer.paramwise_cfg": {"bias_lr_mult": 2, "custom_keys": {"head": {"lr_mult": 10}}}},
    {"optimizer": GONE, "optimizers": {"type": "SGD", "lr": 0.1}},
    {"optimizer_config": {}},
    {"optimizer_config": {"grad_clip": None}},
    {"optimizer_config": {"type": ACCUMULATING, "cumulative_iters": 4}},
    {"fp16": {}},
    {"fp16": None},
    {"fp16": {"loss_scale": "dynamic"}, "optimizer_config.coalesce": False},
    {"runner": GONE, "total_epochs": 3},
    {"runner": {"type": "IterBasedRunner", "max_iters": 10}, "evaluation.by_epoch": False},
    {"checkpoint_config.filename_tmpl": "e{}.pth"},
    {"checkpoint_config.out_dir": None},
    {"checkpoint_config": None},
    {"evaluation.metric": "f1"},
    {"evaluation.start": 0, "evaluation.rule": "less"},
    {"evaluation.gpu_collect": True},
    {"evaluation.less_keys": ["loss"]},
    {"custom_hooks": {"type": "EMAHook", "priority": "high"}},
    {"custom_hooks": [{"type": "EMAHook", "momentum": 0.1, "priority": 40}, {"type": "EmptyCacheHook"}]},
    {"custom_hooks": [{"type": "StepLrUpdaterHook", "step": 3}]},
    {"log_config.interval": None},
    {"log_config.hooks": {"type": "TextLoggerHook", "interval": 5}},
    {"log_level": 10},
    {"workflow": [["train", 2], ["val", 1]]},
    {"data.train": [{"type": "Digits", "split": "train"}, {"type": "Digits", "split": "test"}]},
    {"data.train_dataloader": {"shuffle": False, "samples_per_gpu": 8}},
    {"data.test": None},
    {"model": {"type": "torch.nn.Linear", "in_features": 8, "out_features": 2}},
    {"custom_imports.imports": "examples.digits.digits"},
    {"resume": True},
    {"plugins": {"block": ["no-such-plugin"]}},
    {"auto_scale_lr": {"enable": True, "base_batch_size": 64}},
    {"my_own": {"anything": [1, "a"]}},
]
# Each kind of mistake, with the place where the schema sees it.
BAD: list[tuple[dict[str, Any], str]] = [
    ({"optimizer.weight_dacay": 1e-4}, "optimizer"),
    ({"optimizer.betas": [0.9, 0.99]}, "optimizer"),
    ({"optimizer.lr": "1e-3"}, "optimizer.lr"),
    ({"optimizer.lr": True}, "optimizer.lr"),
    ({"optimizer.type": GONE}, "optimizer"),
    (
        {"optimizer.paramwise_cfg": {"custom_keys": {"head": {"lr_mul": 10}}}},
        "optimizer.paramwise_cfg.custom_keys.head",
    ),
    ({"optimizer": {"a": {"type": "SGD", "lr": 1}, "b": {"type": "SGD", "lrr": 1}}}, "optimizer.b"),
    ({"optimizer": "SGD"}, "optimizer"),
    ({"lr_config.stepp": 1}, "lr_config"),
    ({"lr_config.policy": GONE}, "lr_config"),
    ({"lr_config.policy": "step"}, "lr_config"),
    ({"lr_config.min_lr": GONE}, "lr_config"),
    ({"lr_config.min_lr_ratio": 0.1}, "lr_config"),
    ({"lr_config.warmup": "lin"}, "lr_config.warmup"),
    ({"lr_config.warmup_iters": "5oo"}, "lr_config.warmup_iters"),
    ({"lr_config": {"policy": "step", "step": ["3"]}}, "lr_config.step.0"),
    ({"momentum_config": {"policy": "step", "step": 3, "by_epoch": 1}}, "momentum_config.by_epoch"),
    ({"momentum_config": {"policy": "CosineAnnealing"}}, "momentum_config"),
    ({"runner.max_iters": 10}, "runner"),
    ({"runner.max_epochs": 0}, "runner.max_epochs"),
    ({"runner.max_epochs": "3"}, "runner.max_epochs"),
    ({"runner.max_epochs": GONE}, "runner"),
    ({"runner.work_dir": "w"}, "runner"),
    ({"runner": GONE}, ""),
    ({"runner": GONE, "total_epochs": "3"}, "total_epochs"),
    ({"checkpoint_config.max_keep_ckpt": 3}, "checkpoint_config"),
    ({"checkpoint_config.filename_tmpl": 3}, "checkpoint_config.filename_tmpl"),
    ({"checkpoint_config.by_epoch": "yes"}, "checkpoint_config.by_epoch"),
    ({"evaluation.save_best": True}, "evaluation.save_best"),
    ({"evaluation.interval": 0}, "evaluation.interval"),
    ({"evaluation.start": -1}, "evaluation.start"),
    ({"evaluation.rule": "bigger"}, "evaluation.rule"),
    ({"evaluation.dataloader": {}}, "evaluation.dataloader"),
    ({"log_config.interval": 0}, "log_config.interval"),
    ({"log_config.interval": GONE}, "log_config"),
    ({"log_config.hook": []}, "log_config"),
    ({"log_config.hooks.0.type": GONE}, "log_config.hooks.0"),
    ({"log_config.hooks.0.intervall": 3}, "log_config.hooks.0"),
    ({"log_config.hooks.0.priority": "LOW"}, "log_config.hooks.0"),
    ({"log_config.hooks.0.interval": 0}, "log_config.hooks.0.interval"),
    ({"custom_hooks": [{"type": "EMAHook", "prioirity": 3}]}, "custom_hooks.0"),
    ({"custom_hooks": [{"type": "EMAHook", "priority": "HIHG"}]}, "custom_hooks.0.priority"),
    ({"custom_hooks": [{"type": "EMAHook", "priority": 101}]}, "custom_hooks.0.priority"),
    ({"custom_hooks": [{"momentum": 0.1}]}, "custom_hooks.0"),
    ({"optimizer_config.grad_clip": 35}, "optimizer_config.grad_clip"),
    ({"optimizer_config.grad_clip": {"norm_type": 2}}, "optimizer_config.grad_clip"),
    ({"optimizer_config.grad_clip.max_norms": 3}, "optimizer_config.grad_clip"),
    ({"optimizer_config": {"type": ACCUMULATING, "cumulative_iters": 0}}, "optimizer_config.cumulative_iters"),
    ({"fp16": {"loss_scal": 512.0}}, "fp16"),
    ({"fp16": True}, "fp16"),
    ({"model": None}, "model"),
    ({"model.type": GONE}, "model"),
    ({"model.widht": 8}, "model"),
    ({"model.width": "8"}, "model.width"),
    ({"data.samples_per_gpu": "8"}, "data.samples_per_gpu"),
    ({"data.samples_per_gpu": 0}, "data.samples_per_gpu"),
    ({"data.train": [{"split": "train"}]}, "data.train.0"),
    ({"data.train.split": GONE}, "data.train"),
    ({"data.train.shfit": 1}, "data.train"),
    ({"data.train_dataloader": {"shuffle": "yes"}}, "data.train_dataloader.shuffle"),
    ({"workflow": []}, "workflow"),
    ({"workflow": [["train"]]}, "workflow.0"),
    ({"workflow": [["train", "1"]]}, "workflow.0.1"),
    ({"custom_imports.imports": GONE}, "custom_imports"),
    ({"custom_imports.import": ["a"]}, "custom_imports"),
    ({"seed": "abc"}, "seed"),
    ({"log_level": "INFOO"}, "log_level"),
    ({"mp_start_method": "forc"}, "mp_start_method"),
    ({"gpu_ids": [0, "1"]}, "gpu_ids.1"),
    ({"plugins": {"alow": []}}, "plugins"),
    ({"auto_scale_lr": {"enabled": True}}, "auto_scale_lr"),
]


@pytest.mark.parametrize("changes", GOOD, ids=str)
def test_what_the_checker_takes(validator: Draft202012Validator, changes: dict[str, Any]) -> None:
    data = changed(changes)
    assert problems(data) == []
    assert errors(validator, data) == []


@pytest.mark.parametrize(("changes", "place"), BAD, ids=str)
def test_each_kind_of_mistake(validator: Draft202012Validator, changes: dict[str, Any], place: str) -> None:
    data = changed(changes)
    assert problems(data) != [], "what the checker takes, the schema must take too"
    assert errors(validator, data) == [place]


NAMES = [
    ("optimizer.type", "SDG", "optimizer.type"),
    ("lr_config.policy", "stpe", "lr_config.policy"),
    ("runner.type", "EpochRunner", "runner.type"),
    ("log_config.hooks.0.type", "TextLogerHook", "log_config.hooks.0.type"),
    ("custom_hooks", [{"type": "EMAHok"}], "custom_hooks.0.type"),
    ("model.type", "LeNett", "model.type"),
    ("data.val.type", "Digit", "data.val.type"),
]


@pytest.mark.parametrize(("key", "value", "place"), NAMES)
def test_unknown_names(validator: Draft202012Validator, key: str, value: Any, place: str) -> None:
    # Modules that a config imports may register any name.
    assert place not in errors(validator, changed({key: value}))
    assert place in errors(validator, changed({key: value, "custom_imports": GONE}))
    assert place not in errors(validator, changed({"custom_imports": GONE}))


@pytest.mark.parametrize(
    "part",
    [
        {},
        {"optimizer": {"type": "SGD"}},
        {"_base_": ["a.yaml", "b.yaml"], "$schema": "./hookloom.schema.json"},
        {"_base_": "a.py", "optimizer": {"lr": 0.2, "key_of_the_inherited_type": 1}},
        {"_base_": "a.py", "lr_config": {"_delete_": True, "policy": "fixed"}},
        {"_base_": "a.py", "lr_config": {"warmup": "{{ _base_.kind }}", "warmup_iters": "{{ _base_.length }}"}},
        {"_base_": "a.py", "data": "{{ _base_.data }}", "workflow": "{{ _base_.workflow }}"},
        {"_base_": "a.py", "optimizer_config": {"grad_clip": {"norm_type": 2}}},
        {"_base_": "a.py", "model": {"depth": 50}, "data": {"train": {"root": "x"}}, "optimizer": {"lr": 1}},
        {"log_config": {"interval": 50}},
        {"evaluation": {"interval": 1}, "checkpoint_config": {"interval": 1}},
    ],
    ids=str,
)
def test_a_part_of_a_config_need_not_be_whole(validator: Draft202012Validator, part: dict[str, Any]) -> None:
    assert errors(validator, part) == []


@pytest.mark.parametrize(
    ("part", "place"),
    [
        ({"_base_": "a.py", "lr_config": {"policy": "fixed", "stepp": 3}}, "lr_config"),
        ({"_base_": "a.py", "seed": "3"}, "seed"),
        ({"_base_": "a.py", "custom_hooks": [{"momentum": 0.1}]}, "custom_hooks.0"),
        ({"_base_": 3}, "_base_"),
        ({"checkpoint_config": {"intervall": 1}}, "checkpoint_config"),
        ({"optimizer_config": {"grad_clp": None}}, "optimizer_config"),
        ({"optimizer": {"type": "SGD", "lr": "{{ base.lr }}"}}, "optimizer.lr"),
        ({"runner": {"_delete_": "yes"}}, "runner._delete_"),
    ],
    ids=str,
)
def test_mistakes_in_a_part(validator: Draft202012Validator, part: dict[str, Any], place: str) -> None:
    assert errors(validator, part) == [place]
