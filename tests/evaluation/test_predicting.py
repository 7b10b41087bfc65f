"""How a model is asked for its results, and in which mode it is left."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from core.errors import ModelOutputError
from core.hooks.predict import in_turns, keeping_modes, predict


class Numbers(torch.utils.data.Dataset):
    def __init__(self, length: int = 5, *, named: bool = False) -> None:
        self.length, self.named = length, named

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Any:
        return {"x": torch.tensor(float(index))} if self.named else torch.tensor(float(index))


def batches(**options: Any) -> Any:
    return torch.utils.data.DataLoader(Numbers(**options), batch_size=2)


class Base(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))
        self.seen: list[Any] = []


class OfMMCV(Base):
    def forward(self, x: Any, return_loss: bool = True) -> Any:
        self.seen.append((return_loss, self.training, torch.is_grad_enabled()))
        return [f"r{int(value)}" for value in x]


class WithKeywords(Base):
    def forward(self, x: Any, **options: Any) -> Any:
        self.seen.append(options)
        return x * 2


class Plain(Base):
    def forward(self, x: Any) -> Any:
        return x * self.weight * 3


class WithStep(Plain):
    def test_step(self, batch: Any) -> Any:
        self.seen.append(batch)
        return [f"s{int(value)}" for value in batch["x"]]


def test_mmcv_models_are_asked_without_loss() -> None:
    model = OfMMCV()
    assert predict(model, batches(named=True)) == ["r0", "r1", "r2", "r3", "r4"]
    assert model.seen == [(False, False, False)] * 3
    assert not model.training


def test_models_that_take_any_keyword_are_asked_the_same_way() -> None:
    model = WithKeywords()
    assert [float(one) for one in predict(model, batches(named=True))] == [0, 2, 4, 6, 8]
    assert model.seen == [{"return_loss": False}] * 3


@pytest.mark.parametrize("named", [True, False], ids=["by keyword", "as it is"])
def test_other_models_get_the_batch_alone(named: bool) -> None:
    results = predict(Plain(), batches(named=named))
    assert [float(one) for one in results] == [0, 3, 6, 9, 12]
    assert not any(one.requires_grad for one in results)


def test_a_sequence_goes_by_position() -> None:
    class Sum(Base):
        def forward(self, x: Any, y: Any) -> Any:
            return x + y

    data = torch.utils.data.TensorDataset(torch.arange(3.0), torch.ones(3))
    assert [float(one) for one in predict(Sum(), torch.utils.data.DataLoader(data, batch_size=2))] == [1, 2, 3]


def test_test_step_comes_first_and_inside_a_wrapper() -> None:
    model = WithStep()
    assert predict(nn.DataParallel(model), batches(named=True)) == ["s0", "s1", "s2", "s3", "s4"]
    assert len(model.seen) == 3


@pytest.mark.parametrize(
    ("answer", "shown"),
    [(torch.tensor(1.0), "a single number"), ({"a": [1]}, "a dict"), (None, "a NoneType"), ("text", "a str")],
)
def test_answers_that_are_no_results(answer: Any, shown: str) -> None:
    class Wrong(Base):
        def forward(self, x: Any) -> Any:
            return answer

    with pytest.raises(ModelOutputError) as caught:
        predict(Wrong(), batches())
    assert str(caught.value) == (
        f"Wrong answered a batch of the evaluation with {shown}: a list or tensor with one result for each sample "
        "is wanted"
    )


def test_every_module_gets_its_mode_back() -> None:
    class Frozen(nn.Sequential):
        trained = 0

        def train(self, mode: bool = True) -> Any:
            super().train(mode)
            self.trained += mode
            return self

    model = Frozen(nn.Linear(1, 1), nn.BatchNorm1d(1))
    model.train()
    model[1].eval()
    for failing in (False, True):
        try:
            with keeping_modes(model):
                model.eval()
                if failing:
                    raise KeyError
        except KeyError:
            pass
        assert [module.training for module in model.modules()] == [True, True, False]
    assert model.trained == 3, "a model may do more in train() than set flags"


@pytest.mark.parametrize(
    ("parts", "total", "expected"),
    [
        ([[0, 2, 4], [1, 3, 5]], 6, [0, 1, 2, 3, 4, 5]),
        ([[0, 2, 4], [1, 3, 0]], 5, [0, 1, 2, 3, 4]),
        ([[0, 2, 4], [1, 3]], 5, [0, 1, 2, 3, 4]),
        ([[0], [1], [0]], 2, [0, 1]),
        ([[None, None], [None]], 3, [None, None, None]),
    ],
    ids=["even", "repeated to be even", "uneven", "more processes than samples", "any value"],
)
def test_results_of_several_processes_come_in_the_order_of_the_dataset(
    parts: list[list[Any]], total: int, expected: list[Any]
) -> None:
    assert in_turns(parts, total) == expected
