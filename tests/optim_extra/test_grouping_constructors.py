"""No decay of 1-D parameters, Muon beside AdamW, and freezing: who is in which group."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from core import OptionError, build_optimizer
from core.optim.build import build
from core.optim.table import as_text

MUON_ADAMW = "hookloom_optim_extra.optim.muon_adamw.MuonAdamW"


class Mlp(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.c_fc, self.act, self.c_proj = nn.Linear(4, 8), nn.PReLU(), nn.Linear(8, 4)


class Small(nn.Module):
    """Of everything one: kernel, batch norm, layer norm with a matrix, embedding, matrices, scale, head."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 2)
        self.bn = nn.BatchNorm2d(4)
        self.norm = nn.LayerNorm((2, 4))
        self.words = nn.Embedding(5, 4)
        self.pos_embed = nn.Parameter(torch.zeros(1, 2, 4))
        self.mlp = Mlp()
        self.gamma = nn.Parameter(torch.ones(()))
        self.cls_head = nn.Linear(4, 2)

    def forward(self, tokens: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        x = self.norm(self.words(tokens) + self.pos_embed)
        x = x + self.gamma * self.mlp.c_proj(self.mlp.act(self.mlp.c_fc(x)))
        return nn.functional.cross_entropy(self.cls_head(x.mean(1)), target)


def groups(model: nn.Module, optimizer: torch.optim.Optimizer, *keys: str) -> list[Any]:
    names = {id(one): name for name, one in model.named_parameters()}
    return [
        (*(group[key] for key in keys), [names[id(one)] for one in group["params"]]) for group in optimizer.param_groups
    ]


def test_no_decay_of_what_is_no_matrix() -> None:
    model = Small()
    table = {"type": "SGD", "lr": 0.1, "weight_decay": 0.5, "constructor": "NoDecay1dConstructor"}
    matrices = ["words.weight", "pos_embed", "mlp.c_fc.weight", "mlp.c_proj.weight", "cls_head.weight"]
    flat = [name for name, _ in model.named_parameters() if name not in [*matrices, "stem.weight"]]
    assert "norm.weight" in flat, "a norm's weight is one whatever its shape"
    found = groups(model, build_optimizer(model, table), "lr", "weight_decay")
    assert [(lr, decay, sorted(names)) for lr, decay, names in found] == [
        (0.1, 0.5, sorted([*matrices, "stem.weight"])),
        (0.1, 0.0, sorted(flat)),
    ]


def test_no_decay_by_pattern_too() -> None:
    model = Small()
    table = {"type": "SGD", "lr": 0.1, "weight_decay": 0.5, "constructor": "NoDecay1dConstructor"}
    options = {"also": ["pos_embed", r"^words\."], "keep": [r"^norm\.weight$"], "merge_groups": False}
    optimizer = build_optimizer(model, {**table, "paramwise_cfg": options})
    decaying = [names for decay, names in groups(model, optimizer, "weight_decay") if decay]
    assert decaying == [
        ["stem.weight"],
        ["norm.weight"],
        ["mlp.c_fc.weight"],
        ["mlp.c_proj.weight"],
        ["cls_head.weight"],
    ]
    assert len(optimizer.param_groups) == len(list(model.parameters()))


def test_muon_and_adamw_in_one_object() -> None:
    model = Small()
    table = {"type": MUON_ADAMW, "lr": 0.02, "weight_decay": 0.1, "constructor": "MuonConstructor"}
    built = build(model, {**table, "paramwise_cfg": {"rest": {"lr": 0.001, "weight_decay": 0.0}}})
    found = groups(model, built.optimizer, "muon", "lr", "weight_decay")
    assert len(found) == 2
    assert found[0][:3] == (False, 0.001, 0.0)
    assert found[1] == (True, 0.02, 0.1, ["stem.weight", "mlp.c_fc.weight", "mlp.c_proj.weight"])
    rules = built.parts[0].constructor.rules
    assert {rules["words.weight"], rules["pos_embed"]} == {"AdamW: embedding"}
    assert rules["cls_head.weight"] == "AdamW: head"
    assert rules["bn.weight"] == rules["gamma"] == rules["norm.weight"] == "AdamW: no matrix"
    assert rules["mlp.c_fc.weight"] == "Muon: matrix"
    model(torch.tensor([[1, 2]]), torch.tensor([0])).backward()
    built.optimizer.step()


@pytest.mark.newest  # older versions of torch have no Muon
def test_muon_and_adamw_of_torch_in_a_dictionary() -> None:
    model = Small()
    rest = {"type": "AdamW", "lr": 0.001, "betas": (0.8, 0.9)}
    table = {"type": "Muon", "lr": 0.02, "weight_decay": 0.1, "constructor": "MuonConstructor"}
    options = {"rest": rest, "exclude": ["c_proj"], "include": [r"^cls_head\.weight"]}
    built = build(model, {**table, "paramwise_cfg": options})
    muon, adamw = built.optimizer["muon"], built.optimizer["rest"]
    assert (type(muon), type(adamw)) == (torch.optim.Muon, torch.optim.AdamW)
    assert groups(model, muon, "lr", "weight_decay") == [(0.02, 0.1, ["mlp.c_fc.weight", "cls_head.weight"])]
    ((lr, decay, betas, names),) = groups(model, adamw, "lr", "weight_decay", "betas")
    assert (lr, decay, betas) == (0.001, 0.01, (0.8, 0.9)), "its own settings, not those of Muon"
    assert "muon" not in adamw.param_groups[0]
    assert {"stem.weight", "mlp.c_proj.weight", "words.weight"} <= set(names)
    assert len(names) == len(list(model.parameters())) - 2
    lines = as_text(built).splitlines()
    assert lines[0].split() == ["optimizer", "groups", "count", "parameters", "lr", "weight", "decay", "rule"]
    assert lines[1].split() == ["muon", "1", "1", "mlp.c_fc.weight", "0.02", "0.1", "Muon:", "matrix"]
    assert "AdamW: 4 dimensions" in as_text(built)
    before = model.words.weight.detach().clone(), model.mlp.c_fc.weight.detach().clone()
    model(torch.tensor([[1, 2]]), torch.tensor([0])).backward()
    for one in built.optimizer.values():
        one.step()
    assert not torch.equal(model.words.weight, before[0])
    assert not torch.equal(model.mlp.c_fc.weight, before[1])


@pytest.mark.newest
@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (
            "Muon",
            {},
            "paramwise_cfg: Muon gets the matrices alone, since its groups have no option 'muon': 'rest' must name the "
            "optimizer of all other parameters, such as dict(type='AdamW', lr=3e-4)",
        ),
        (
            MUON_ADAMW,
            {"rest": {"type": "AdamW"}},
            f"paramwise_cfg.rest: {MUON_ADAMW} trains all parameters: options of its groups go here, without a type",
        ),
        (
            MUON_ADAMW,
            {"rest": {"weight_dcay": 0.0}},
            "paramwise_cfg.rest.weight_dcay: unknown key; did you mean 'weight_decay'?",
        ),
        (
            "Muon",
            {"rest": {"type": "AdamW"}, "exclude": ["."]},
            "no parameter of Small is left for optimizer 'muon'",
        ),
    ],
)
def test_muon_that_cannot_be(kind: str, options: dict[str, Any], message: str) -> None:
    table = {"type": kind, "lr": 0.02, "constructor": "MuonConstructor", "paramwise_cfg": options}
    with pytest.raises(OptionError) as caught:
        build_optimizer(Small(), table)
    assert str(caught.value) == message


@pytest.mark.newest  # older versions of torch have no Muon
def test_two_optimizers_for_a_part_are_refused() -> None:
    one = {"type": "Muon", "lr": 0.02, "constructor": "MuonConstructor"}
    one["paramwise_cfg"] = {"rest": {"type": "AdamW"}}
    with pytest.raises(
        OptionError, match=r"optimizer\.mlp: MuonConstructor makes 2 optimizers here, and can do so only"
    ):
        build_optimizer(Small(), {"mlp": one})


def test_freezing() -> None:
    model = Small()
    table = {"type": "SGD", "lr": 0.1, "weight_decay": 0.5, "constructor": "FreezeConstructor"}
    options = {"freeze": [r"^(stem|bn)\.", "mlp"], "keep": [r"c_proj"], "bias_lr_mult": 2.0, "norm_decay_mult": 0.0}
    built = build(model, {**table, "paramwise_cfg": options})
    frozen = [name for name, one in model.named_parameters() if not one.requires_grad]
    assert frozen == [
        "stem.weight",
        "stem.bias",
        "bn.weight",
        "bn.bias",
        "mlp.c_fc.weight",
        "mlp.c_fc.bias",
        "mlp.act.weight",
    ]
    assert sorted(groups(model, built.optimizer, "lr", "weight_decay")) == [
        (0.1, 0.0, ["norm.weight", "norm.bias"]),
        (0.1, 0.5, ["pos_embed", "gamma", "words.weight", "mlp.c_proj.weight", "cls_head.weight"]),
        (0.2, 0.5, ["mlp.c_proj.bias", "cls_head.bias"]),
    ]
    (line,) = [line for line in as_text(built).splitlines() if line.endswith("freeze['mlp']")]
    assert line.split() == ["-", "3", "mlp.c_fc.weight,", "mlp.c_fc.bias,", "mlp.act.weight", "freeze['mlp']"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"freeze": ["."]}, "paramwise_cfg.freeze leaves no parameter of Small to train"),
        ({"keep": ["mlp"]}, "paramwise_cfg: required key 'freeze' is missing"),
        ({"freeze": "mlp"}, "paramwise_cfg.freeze: expected list of str, got str 'mlp'"),
        ({"freeze": ["mlp"], "kep": ["x"]}, "paramwise_cfg.kep: unknown key; did you mean 'keep'?"),
        ({"freeze": ["(mlp"]}, "'(mlp' is no regular expression: missing ), unterminated subpattern at position 0"),
        (
            {"freeze": ["mpl", "words"], "strict_keys": True},
            "paramwise_cfg.freeze[0] matches no parameter of Small; did you mean 'mlp'?",
        ),
    ],
)
def test_freezing_that_cannot_be(options: dict[str, Any], message: str) -> None:
    model = Small()
    with pytest.raises(OptionError) as caught:
        build_optimizer(model, {"type": "SGD", "lr": 0.1, "constructor": "FreezeConstructor", "paramwise_cfg": options})
    assert str(caught.value) == message
