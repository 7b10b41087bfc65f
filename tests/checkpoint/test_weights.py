"""Weights that do not fit a model are listed, and what fits is loaded."""

from __future__ import annotations

import logging
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from core.checkpoint import load_checkpoint, load_state_dict, save_checkpoint, weights_to_cpu, write_checkpoint
from core.checkpoint.fit import MisfitError, load_weights, unwrapped
from core.checkpoint.weights import get_state_dict, revised
from core.errors import CheckpointError


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Linear(3, 2)
        self.norm = nn.BatchNorm1d(2)
        self.head = nn.Linear(2, 5)


def ones(net: nn.Module) -> OrderedDict[str, Any]:
    return OrderedDict((key, torch.ones_like(value)) for key, value in net.state_dict().items())


def test_everything_that_does_not_fit_is_listed(caplog: pytest.LogCaptureFixture) -> None:
    net = Net()
    state = ones(net)
    del state["stem.bias"]
    state["head.weight"] = torch.ones(7, 2)
    state["head.bias"] = torch.ones(7)
    state["fc.weight"] = torch.ones(1)
    with caplog.at_level(logging.WARNING):
        load_state_dict(net, state, logger=logging.getLogger("mine"))
    assert caplog.record_tuples == [
        (
            "mine",
            logging.WARNING,
            "the weights do not fit Net whole:\n"
            "  missing: stem.bias\n"
            "  unexpected: fc.weight\n"
            "  misshapen: head.weight (7, 2) instead of (5, 2), head.bias (7,) instead of (5,)",
        )
    ]
    assert net.stem.weight.eq(1).all()
    assert not net.head.weight.eq(1).any()


def test_strict_raises_what_else_is_a_warning() -> None:
    state = ones(Net())
    state["fc.weight"] = torch.ones(1)
    with pytest.raises(CheckpointError) as caught:
        load_state_dict(Net(), state, strict=True)
    assert str(caught.value) == "the weights do not fit Net:\n  unexpected: fc.weight"
    assert isinstance(caught.value, RuntimeError), "as in MMCV"


def test_long_lists_are_cut() -> None:
    state = ones(Net())
    state.update({f"old.{number}": torch.ones(1) for number in range(25)})
    found = load_weights(Net(), state)
    assert len(found.unexpected) == 25
    assert str(found).endswith("old.19 and 5 more")


def test_weights_that_fit_are_taken_silently(caplog: pytest.LogCaptureFixture) -> None:
    net = Net()
    load_state_dict(net, ones(net), strict=True)
    assert all(value.eq(1).all() for value in net.state_dict().values())
    assert caplog.records == []


def test_the_counter_of_a_norm_may_be_missing() -> None:
    """torch began to keep it in 0.4.1; nothing depends on it."""
    for state in (ones(Net()), Net().state_dict()):  # without and with the versions of the layers
        del state["norm.num_batches_tracked"]
        load_state_dict(Net(), state, strict=True)


def test_shadow_copies_of_the_weights_are_nothing_unexpected() -> None:
    state = ones(Net())
    state["ema_stem_weight"] = torch.zeros(2, 3)
    assert not load_weights(Net(), state)
    state["ema_other_weight"] = torch.zeros(2, 3)
    assert load_weights(Net(), state).unexpected == ("ema_other_weight",)


class Renamed(nn.Module):
    """A layer that reads the names of its older versions, as those of MMCV's projects do."""

    _version = 2

    def __init__(self) -> None:
        super().__init__()
        self.kernel = nn.Parameter(torch.zeros(2))

    def _load_from_state_dict(self, state_dict: Any, prefix: str, local_metadata: Any, *rest: Any) -> None:
        if local_metadata.get("version", 1) < 2 and f"{prefix}weight" in state_dict:
            state_dict[f"{prefix}kernel"] = state_dict.pop(f"{prefix}weight") * 10
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)


def test_layers_may_rename_old_keys(tmp_path: Path) -> None:
    net = nn.Sequential(Renamed(), nn.Linear(1, 1))
    state = OrderedDict([("0.weight", torch.ones(2)), ("1.weight", torch.ones(1, 1)), ("1.bias", torch.ones(1))])
    write_checkpoint({"state_dict": state}, tmp_path / "old.pth")
    load_checkpoint(net, tmp_path / "old.pth", strict=True)
    assert net[0].kernel.tolist() == [10.0, 10.0]


@pytest.mark.parametrize("prefix", ["", "module."])
def test_versions_of_the_layers_travel_along(prefix: str, tmp_path: Path) -> None:
    """A layer that takes its present weights for old ones would change them."""
    net = nn.Sequential(Renamed())
    net[0].kernel.data.fill_(3.0)
    state = net.state_dict(prefix=prefix)
    write_checkpoint({"state_dict": state}, tmp_path / "a.pth")
    saved = torch.load(tmp_path / "a.pth", weights_only=True)["state_dict"]
    assert saved._metadata[f"{prefix}0"] == {"version": 2}
    loaded = revised(saved, [(r"^module\.", "")])
    assert list(loaded) == ["0.kernel"]
    assert loaded._metadata["0"] == {"version": 2}
    assert loaded._metadata[""] == {"version": 1}


def test_a_layer_that_refuses() -> None:
    class Picky(nn.Linear):
        def _load_from_state_dict(self, *args: Any) -> None:
            args[-1].append("I will not")

    with pytest.raises(MisfitError, match=r"the weights do not fit Picky: (.|\n)*I will not"):
        load_weights(Picky(1, 1), {"weight": torch.zeros(1, 1)})


def test_a_checkpoint_that_fits_nowhere_is_refused_even_if_not_strict(tmp_path: Path) -> None:
    """Else a training that was meant to start from weights starts from nothing."""
    save_checkpoint(nn.Sequential(nn.Conv2d(1, 1, 1)), tmp_path / "a.pth")
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(Net(), tmp_path / "a.pth")
    assert str(caught.value).startswith(f"checkpoint {str(tmp_path / 'a.pth')!r}: nothing in it fits Net:\n  missing: ")


def test_no_weights_under_state_dict(tmp_path: Path) -> None:
    torch.save({"state_dict": [1]}, tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match="holds no weights by name under 'state_dict'"):
        load_checkpoint(Net(), tmp_path / "a.pth")


def test_keys_are_revised_in_order(tmp_path: Path) -> None:
    state = {f"encoder.{key}": value for key, value in ones(Net()).items()}
    torch.save({"state_dict": state}, tmp_path / "a.pth")
    net = Net()
    load_checkpoint(net, tmp_path / "a.pth", strict=True, revise_keys=[("^encoder", "net"), (r"^net\.", "")])
    assert net.stem.weight.eq(1).all()


def test_wrappers_are_taken_off_and_lookalikes_are_not() -> None:
    class Lookalike(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.module = nn.Linear(1, 1)
            self.head = nn.Linear(1, 1)

    inner, lookalike = nn.Linear(1, 1), Lookalike()
    assert unwrapped(nn.DataParallel(inner)) is inner
    assert unwrapped(lookalike) is lookalike
    assert list(get_state_dict(nn.DataParallel(inner))) == ["weight", "bias"]
    assert next(iter(get_state_dict(lookalike))) == "module.weight"
    load_state_dict(nn.DataParallel(inner), {"weight": torch.ones(1, 1), "bias": torch.ones(1)}, strict=True)
    assert inner.weight.item() == 1


def test_weights_to_cpu_keeps_order_and_versions() -> None:
    state = Net().state_dict()
    copied = weights_to_cpu(state)
    assert list(copied) == list(state)
    assert copied._metadata == state._metadata
