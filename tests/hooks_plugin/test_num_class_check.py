"""Whether `num_classes` of the model fits the datasets, and which text says where it does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import small
import torch
from hook_jobs import Judged, job, log_of

from core import OptionError
from core.runner.train import train

KINDS = ["EpochBasedRunner", "IterBasedRunner"]


class Head(torch.nn.Linear):
    def __init__(self, num_classes: Any = 3) -> None:
        super().__init__(1, 1, dtype=torch.float64)
        self.num_classes = num_classes


class RPNHead(Head): ...


class MyRPNHead(RPNHead): ...


class Detector(small.Net):
    def __init__(self, box: Any = 3, mask: Any = 3, rpn: Any = 1) -> None:
        super().__init__()
        self.heads = torch.nn.ModuleDict({"box": Head(box), "mask": Head(mask), "rpn": MyRPNHead(rpn)})


class Animals(Judged):
    CLASSES = ("cat", "dog", "bird")


class People(Judged):
    CLASSES = ("person",)


class NoComma(Judged):
    CLASSES = "person"  # type: ignore[assignment]


class Nameless(Judged):
    CLASSES = None  # type: ignore[assignment]


class CountsSteps:
    steps = 0

    def after_train_iter(self, runner: Any) -> None:
        type(self).steps += 1


def config(work_dir: Path, model: dict[str, Any], kind: str, hook: dict[str, Any] | None = None, **data: Any) -> Any:
    CountsSteps.steps = 0
    made = job(work_dir, {"type": "NumClassCheckHook", **(hook or {})}, {"type": CountsSteps}, kind=kind)
    made["model"] = {"type": Detector, **model}
    made["data"].update({"train": {"type": Animals}, "val": {"type": Animals}}, **data)
    return made


@pytest.mark.parametrize("kind", KINDS)
def test_what_fits_trains(tmp_path: Path, kind: str) -> None:
    assert train(config(tmp_path, {}, kind)).iter == 9
    assert "CLASSES" not in log_of(tmp_path)


@pytest.mark.parametrize("kind", KINDS)
def test_every_head_that_does_not_fit_is_named(tmp_path: Path, kind: str) -> None:
    with pytest.raises(OptionError) as caught:
        train(config(tmp_path, {"box": 80, "mask": 4}, kind))
    assert str(caught.value) == (
        "Animals has 3 CLASSES, but heads.box (Head) has num_classes=80, heads.mask (Head) has num_classes=4"
    )
    assert CountsSteps.steps == 0


@pytest.mark.parametrize("kind", KINDS)
def test_the_data_of_an_evaluation_count(tmp_path: Path, kind: str) -> None:
    with pytest.raises(OptionError, match=r"People has 1 CLASSES, but heads.box \(Head\) has num_classes=3"):
        train(config(tmp_path, {}, kind, val={"type": People}))
    assert CountsSteps.steps == 0


@pytest.mark.parametrize("kind", KINDS)
def test_the_data_of_a_validation_phase_count(tmp_path: Path, kind: str) -> None:
    made = config(tmp_path, {}, kind, val={"type": People})
    made.update(workflow=[("train", 1), ("val", 1)], evaluation=None)
    with pytest.raises(OptionError, match="People has 1 CLASSES"):
        train(made)


def test_a_text_is_no_list_of_classes(tmp_path: Path) -> None:
    with pytest.raises(OptionError) as caught:
        train(
            config(tmp_path, {"box": 1, "mask": 1}, "EpochBasedRunner", train={"type": NoComma}, val={"type": People})
        )
    assert str(caught.value) == (
        "CLASSES of NoComma is the text 'person', which counts as 6 classes; a tuple is meant: ('person',)"
    )


def test_a_dataset_without_classes_is_told_once(tmp_path: Path) -> None:
    train(config(tmp_path, {"box": 80}, "EpochBasedRunner", train={"type": Nameless}, val={"type": Nameless}))
    lines = [line for line in log_of(tmp_path).splitlines() if "Nameless has no CLASSES" in line]
    assert len(lines) == 2  # of two datasets


def test_what_wraps_a_dataset_has_its_classes(tmp_path: Path) -> None:
    half = {"type": torch.utils.data.Subset, "dataset": {"type": Animals}, "indices": [0, 1, 2, 3]}
    for name, data in {"ConcatDataset": [{"type": Animals}, {"type": Animals}], "Subset": half}.items():
        made = config(tmp_path / name, {"box": 2}, "EpochBasedRunner", train=data)
        with pytest.raises(OptionError, match=f"{name} has 3 CLASSES, but heads.box"):
            train({**made, "evaluation": None})


@pytest.mark.parametrize("ignore", [["Head"], ["heads.box", "heads.mask"]])
def test_what_is_ignored_is_not_compared(tmp_path: Path, ignore: list[str]) -> None:
    assert train(config(tmp_path, {"box": 80, "mask": 7}, "EpochBasedRunner", {"ignore": ignore})).iter == 9


def test_what_is_no_number_is_not_compared(tmp_path: Path) -> None:
    assert train(config(tmp_path, {"box": None, "mask": "many"}, "EpochBasedRunner")).iter == 9
