"""Every usable class of pytorch_optimizer behind its adapter, and the reasons why the others are not."""

from __future__ import annotations

import copy
import inspect
import io
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import importlib_metadata
import pytest
import torch
from torch import Tensor, nn

from core import OPTIMIZERS, EpochBasedRunner, Hook, build_optimizer
from core.checkpoint.plain import plain
from core.component import distribution_of
from core.config.signature import signature_of
from core.errors import MissingExtraError, OptionError, UnknownComponentError
from core.optim.capabilities import capabilities_of
from core.plugins import catalog as catalog_module
from core.plugins.catalog import catalog
from core.seeding import restore_rng_state, rng_state
from hookloom_optim_extra.pytorch_optimizer.table import REFUSED, USABLE

PREFIX = "pytorch_optimizer."
BASE = {"type": "SGD", "lr": 0.01, "momentum": 0.9}


def library() -> Any:
    import pytorch_optimizer

    return pytorch_optimizer


class Net(nn.Sequential):
    def __init__(self) -> None:
        torch.manual_seed(0)
        super().__init__(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3))


def batches() -> list[Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(4, 2, 6, 6, generator=generator) for _ in range(8)]


def make(name: str, model: nn.Module, **options: Any) -> Any:
    cls = OPTIMIZERS.get(PREFIX + name)
    assert cls is not None
    taken = inspect.signature(cls.__init__).parameters  # type: ignore[misc]
    options |= {key: value for key, value in (("num_iterations", 10), ("num_data", 4)) if key in taken}
    if USABLE[name].takes in ("base", "optimizer"):
        options["base_optimizer"] = BASE
    flags = capabilities_of(cls)
    if flags.needs_model:
        options["model"] = model
    params: Any = list(model.parameters())
    if name == "SpectralSphere":
        params = [params[-2]]
    elif flags.needs_split:
        matrices = [p for p in params if p.ndim > 1]
        rest = [p for p in params if p.ndim < 2]
        params = [{"params": matrices, "use_muon": True}, {"params": rest, "use_muon": False}]
    made = cls(params, **options)
    if flags.has_modes:
        made.train()
    return made


def train(optimizer: Any, model: nn.Module, data: list[Tensor]) -> None:
    flags = capabilities_of(type(optimizer))
    for x in data:

        @torch.enable_grad()
        def closure(x: Tensor = x) -> Tensor:
            optimizer.zero_grad()
            loss = (model(x) ** 2).mean()
            loss.backward()
            return loss

        closure()
        optimizer.step(closure) if flags.needs_closure else optimizer.step()


def equal(one: nn.Module, other: nn.Module) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_the_table_is_the_librarys() -> None:
    offered = {name for name, one in vars(library()).items() if is_optimizer(one)}
    assert not set(USABLE) & set(REFUSED)
    assert set(USABLE) | set(REFUSED) == offered
    points = {offer.name for offer in catalog().of("optimizers") if offer.name.startswith(PREFIX)}
    assert points == {PREFIX + name for name in USABLE}


def test_the_page_names_what_is_special() -> None:
    page = (Path(__file__).parent.parent.parent / "docs/optimizers-of-others.md").read_text()
    assert f"offers {len(USABLE)} classes" in page
    assert len(REFUSED) == 22
    named = [name for name, entry in USABLE.items() if entry.flags or entry.takes != "params"]
    named += [name for name, why in REFUSED.items() if "torch's" not in why]
    assert [name for name in named if f"`{name}`" not in page] == []


def is_optimizer(one: Any) -> bool:
    return inspect.isclass(one) and issubclass(one, torch.optim.Optimizer)


def test_flags_agree_with_the_library() -> None:
    for name in USABLE:
        cls, flags = getattr(library(), name), capabilities_of(OPTIMIZERS.get(PREFIX + name))
        assert flags.has_modes == (callable(getattr(cls, "train", None)) and callable(getattr(cls, "eval", None))), name
        assert flags.needs_model == ("model" in inspect.signature(cls.__init__).parameters), name


@pytest.mark.parametrize("name", sorted(USABLE))
def test_it_trains_resumes_to_the_bit_and_minds_its_keywords(name: str) -> None:
    model, data = Net(), batches()
    optimizer = make(name, model)
    assert "lr" in optimizer.param_groups[0]
    train(optimizer, model, data[:6])
    assert not equal(model, Net())
    assert all(torch.isfinite(p).all() for p in model.parameters())
    file = io.BytesIO()
    torch.save(plain({"model": model.state_dict(), "optimizer": optimizer.state_dict()}), file)
    file.seek(0)
    saved, random = torch.load(file, weights_only=True), rng_state()  # Kron asks numpy for numbers
    train(optimizer, model, data[6:])
    resumed = Net()
    resumed.load_state_dict(saved["model"])
    other = make(name, resumed)
    other.load_state_dict(saved["optimizer"])
    restore_rng_state(random)
    train(other, resumed, data[6:])
    assert equal(model, resumed)
    with pytest.raises(OptionError, match=rf"^pytorch_optimizer\.{name} takes no 'weight_dacay'"):
        make(name, model, weight_dacay=0.1)
    signature = signature_of(type(optimizer))
    assert not signature.is_open
    assert "protect_grad" in signature.parameters


@pytest.mark.parametrize("name", sorted(USABLE))
def test_gradients_stay_as_they_are_on_request(name: str) -> None:
    """The step is the same as without, and what `p.grad` holds after it is what the last backward left."""
    plain_model, model, x = Net(), Net(), batches()[:1]
    for options, one in (({}, plain_model), ({"protect_grad": True}, model)):
        torch.manual_seed(9)
        optimizer = make(name, one, **options)
        seen: list[Any] = []
        for p in one.parameters():
            p.register_post_accumulate_grad_hook(lambda p, seen=seen: seen.append((p, p.grad, p.grad.clone())))
        train(optimizer, one, x)
        if options:
            last = {id(p): (grad, copied) for p, grad, copied in seen}
            for p in one.parameters():
                grad, copied = last[id(p)]
                if capabilities_of(type(optimizer)).needs_closure and p.grad is None:
                    continue
                assert p.grad is grad
                assert torch.equal(p.grad, copied)
    assert equal(plain_model, model)


def test_many_would_change_them() -> None:
    model, x = Net(), batches()[:1]
    for p in model.parameters():
        p.register_post_accumulate_grad_hook(lambda p: seen.append(p.grad.clone()))
    seen: list[Tensor] = []
    train(make("AdamP", model, weight_decay=0.1, weight_decouple=False), model, x)
    assert not all(torch.equal(p.grad, g) for p, g in zip(reversed(list(model.parameters())), seen, strict=True))


def test_names() -> None:
    assert OPTIMIZERS.get("Lion").__module__ == "hookloom_optim_extra.optim.lion"  # type: ignore[union-attr]
    assert OPTIMIZERS.get("AdamW") is torch.optim.AdamW
    kron = OPTIMIZERS.get("pytorch_optimizer.Kron")
    assert kron is not library().Kron
    assert issubclass(kron, library().Kron)  # type: ignore[arg-type]
    assert OPTIMIZERS.get("pytorch_optimizer:Kron") is library().Kron
    for name in ("Kron", "kron"):
        with pytest.raises(UnknownComponentError) as caught:
            OPTIMIZERS.resolve(name)
        assert str(caught.value) == (
            f"no optimizer named {name!r}; did you mean 'pytorch_optimizer.Kron' (hookloom-optim-extra 0.1.0)?"
        )
    for name, meant in (("lion", "Lion"), ("Lamb", "LAMB")):
        with pytest.raises(UnknownComponentError, match=f"did you mean '{meant}' .* or 'pytorch_optimizer.") as caught:
            OPTIMIZERS.resolve(name)
        assert caught.value.meant == meant
    with pytest.raises(UnknownComponentError) as caught:
        OPTIMIZERS.resolve("pytorch_optimizer.Krom")
    assert caught.value.meant == "pytorch_optimizer.Kron"
    with pytest.raises(UnknownComponentError, match=r"known are: .*, pytorch_optimizer\.\* \(117\), .*SGD"):
        OPTIMIZERS.resolve("Qqqqqq")


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_cannot_be_used_says_why(name: str) -> None:
    with pytest.raises(UnknownComponentError) as caught:
        OPTIMIZERS.resolve(PREFIX + name)
    assert str(caught.value) == (
        f"pytorch_optimizer.{name} cannot be used: it {REFUSED[name]} (hookloom-optim-extra 0.1.0)"
    )


def test_copies_are_of_the_same_class() -> None:
    optimizer = make("Lion", nn.Linear(2, 2))
    assert type(pickle.loads(pickle.dumps(optimizer))) is type(copy.deepcopy(optimizer)) is type(optimizer)


def test_a_base_optimizer_is_any_that_a_config_may_name() -> None:
    model = nn.Linear(2, 2)
    cfg = {
        "type": "pytorch_optimizer.SAM",
        "lr": 0.3,
        "rho": 0.1,
        "base_optimizer": {"type": "Lion", "betas": (0.8, 0.9)},
    }
    sam = build_optimizer(model, cfg)
    assert type(sam.base_optimizer) is OPTIMIZERS.get("Lion")
    assert (sam.param_groups[0]["lr"], sam.param_groups[0]["betas"]) == (0.3, (0.8, 0.9))
    ahead = build_optimizer(model, {"type": "pytorch_optimizer.Lookahead", "k": 3, "base_optimizer": BASE})
    assert type(ahead.optimizer) is torch.optim.SGD
    with pytest.raises(OptionError, match=r"pytorch_optimizer\.SAM needs base_optimizer, such as dict\(type='SGD'"):
        build_optimizer(model, {"type": "pytorch_optimizer.SAM", "lr": 0.3})
    mini = {"type": "pytorch_optimizer.AdamMini", "lr": 0.1, "paramwise_cfg": {"bias_lr_mult": 2.0}}
    with pytest.raises(OptionError, match="AdamMini groups the model's parameters itself: no paramwise_cfg"):
        build_optimizer(model, mini)


class Line(nn.Linear):
    def forward(self, x: Tensor) -> Tensor:
        return (super().forward(x) ** 2).mean()


@pytest.mark.parametrize("name", ["SAM", "ScheduleFreeSGD", "EmoNavi", "AdamMini", "Kron", "Lookahead"])
def test_a_run_saves_what_is_resumed_to_the_bit(name: str, tmp_path: Path) -> None:
    class Course(Hook):
        def __init__(self) -> None:
            self.rows: list[Tensor] = []

        def before_train_iter(self, runner: Any) -> None:
            self.rows.append(runner.model.weight.detach().clone())

    def run(resume: str = "") -> tuple[list[Tensor], nn.Module]:
        torch.manual_seed(4)
        model = Line(3, 2)
        runner = EpochBasedRunner(model, optimizer=make(name, model), max_epochs=3, work_dir=str(tmp_path))
        runner.register_training_hooks(None, {}, {"interval": 1})
        course = Course()
        runner.register_hook(course)
        if resume:
            runner.resume(resume)
        runner.run([[torch.eye(3), torch.ones(2, 3)]], [("train", 1)])
        return course.rows, model

    rows, whole = run()
    saved = torch.load(tmp_path / "epoch_1.pth", weights_only=True)
    assert saved["hookloom"]["providers"]["optimizer"] == f"pytorch_optimizer {importlib_metadata.version(PREFIX[:-1])}"
    rest, resumed = run(str(tmp_path / "epoch_1.pth"))
    assert all(torch.equal(a, b) for a, b in zip(rows[2:], rest, strict=True))
    assert equal(whole, resumed)


@pytest.mark.parametrize(
    ("outer", "inner", "lost"),
    [
        ("SAM", "LBFGS", "needs_closure"),
        ("Lookahead", "ScheduleFreeSGD", "has_modes and owns_schedule"),
        ("SAM", "pytorch_optimizer.SPlus", "has_modes"),
    ],
)
def test_one_whose_needs_would_be_lost_is_not_built_around(outer: str, inner: str, lost: str) -> None:
    with pytest.raises(OptionError) as caught:
        OPTIMIZERS.get(PREFIX + outer)(  # type: ignore[misc]
            [torch.nn.Parameter(torch.ones(2, 2))], base_optimizer={"type": inner, "lr": 0.1}
        )
    assert str(caught.value) == (
        f"pytorch_optimizer.{outer} cannot be built around {inner}, whose {lost} would be lost: the library only calls "
        "its step()"
    )


@pytest.mark.parametrize("name", sorted(name for name, entry in USABLE.items() if entry.mark))
def test_muon_constructor_marks_the_groups_of_the_library(name: str) -> None:
    model = nn.Sequential(nn.Conv2d(1, 4, 2), nn.Flatten(), nn.Linear(16, 3))
    table = {"type": PREFIX + name, "lr": 0.02, "weight_decay": 0.1, "constructor": "MuonConstructor"}
    optimizer = build_optimizer(model, {**table, "paramwise_cfg": {"rest": {"lr": 0.003}}})
    names = {id(param): name for name, param in model.named_parameters()}
    found = {
        (group["use_muon"], group["lr"], group["weight_decay"]): [names[id(param)] for param in group["params"]]
        for group in optimizer.param_groups
    }
    assert found == {(True, 0.02, 0.1): ["0.weight", "2.weight"], (False, 0.003, 0.0): ["0.bias", "2.bias"]}
    before = [param.detach().clone() for param in model.parameters()]
    model(torch.ones(2, 1, 3, 3)).square().sum().backward()
    optimizer.step()
    assert not any(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
    with pytest.raises(OptionError, match=r"paramwise_cfg.rest.weight_dcay: unknown key; did you mean 'weight_decay'"):
        build_optimizer(model, {**table, "paramwise_cfg": {"rest": {"weight_dcay": 0.003}}})


def test_options_that_the_library_refuses_are_an_error_of_ours() -> None:
    with pytest.raises(OptionError) as caught:
        OPTIMIZERS.get("pytorch_optimizer.Lion")([torch.nn.Parameter(torch.ones(2))], lr=-1.0)  # type: ignore[misc]
    assert str(caught.value) == "pytorch_optimizer.Lion: learning rate must be positive. (-1.0 > 0)"


def test_a_config_is_checked_against_the_librarys_signature(checked_job: Callable[..., str]) -> None:
    assert checked_job("dict(type='pytorch_optimizer.Kron', lr=0.1, momentun=0.9)").startswith(
        "optimizer.momentun: unknown key; did you mean 'momentum'?"
    )
    assert (
        checked_job("dict(type='pytorch_optimizer.Kron', lr='much')") == "optimizer.lr: expected float, got str 'much'"
    )
    assert "owns its schedule" in checked_job("dict(type='pytorch_optimizer.ScheduleFreeSGD')")
    assert checked_job("dict(type='pytorch_optimizer.AdamMini', lr=0.1)") == ""
    sam = "dict(type='pytorch_optimizer.SAM', lr=0.1, base_optimizer=dict({}))"
    assert checked_job(sam.format("type='SGD', momentum=0.9")) == ""
    assert "optimizer.base_optimizer.type: no optimizer named 'SDG'; did you mean 'SGD'" in checked_job(
        sam.format("type='SDG'")
    )
    assert checked_job(sam.format("type='SGD', momentun=0.9")) == (
        "optimizer.base_optimizer.momentun: unknown key; did you mean 'momentum'?"
    )


@pytest.fixture
def checked_job(tmp_path: Path, monkeypatch: Any, capsys: Any) -> Callable[..., str]:
    from core.cli.main import main

    def check(optimizer: str) -> str:
        (tmp_path / "c.py").write_text(
            "model = dict(type='torch.nn.Linear', in_features=1, out_features=1)\n"
            "data = dict(samples_per_gpu=1, train=dict(type='small.Points'))\n"
            "lr_config = dict(policy='step', step=1)\n"
            "runner = dict(type='EpochBasedRunner', max_epochs=2)\n"
            f"optimizer = {optimizer}\n"
        )
        main(["check", str(tmp_path / "c.py")])
        lines = capsys.readouterr().out.splitlines()[1:]
        return "\n".join(line.strip().partition(" ")[2].strip() for line in lines)

    return check


def test_listing_imports_neither_the_library_nor_torch() -> None:
    code = (
        "from core.cli.main import main; import sys; assert main(['plugins', 'list', 'optimizers']) == 0;"
        "print({'torch', 'pytorch_optimizer', 'hookloom_optim_extra'} & set(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.splitlines()
    assert found[-1] == "set()"
    assert sum(line.split()[1].startswith(PREFIX) for line in found[:-1]) == len(USABLE)


@pytest.fixture
def without_the_library(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let the process believe that the extra's package is not installed."""

    def look(name: str) -> Any:
        return None if name.replace("_", "-") == "pytorch-optimizer" else distribution_of(name)

    monkeypatch.setattr(catalog_module, "distribution_of", look)
    catalog_module._lacks.cache_clear()
    yield
    catalog_module._lacks.cache_clear()


def test_without_the_plugin_its_names_say_what_brings_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.plugins.offered.catalog", lambda: catalog_module.Catalog(()))
    monkeypatch.setitem(sys.modules, "pytorch_optimizer", None)
    with pytest.raises(
        UnknownComponentError, match=r"comes with hookloom-optim-extra\[pytorch-optimizer\]; pip install"
    ):
        OPTIMIZERS.resolve("pytorch_optimizer.Kron")


def test_without_the_library_only_its_use_is_an_error(
    without_the_library: Any, capsys: Any, checked_job: Callable[..., str]
) -> None:
    from core.cli.main import main

    command = "pip install 'hookloom-optim-extra[pytorch-optimizer]'"
    with pytest.raises(MissingExtraError) as caught:
        OPTIMIZERS.resolve("pytorch_optimizer.Kron")
    assert str(caught.value) == (
        "'pytorch_optimizer.Kron' of hookloom-optim-extra 0.1.0 needs packages that are not installed: " + command
    )
    with pytest.raises(UnknownComponentError) as unknown:
        OPTIMIZERS.resolve("Kron")
    assert str(unknown.value) == (
        "no optimizer named 'Kron'; did you mean 'pytorch_optimizer.Kron' "
        f"(hookloom-optim-extra 0.1.0, after {command})?"
    )
    assert OPTIMIZERS.get("Lion") is not None
    assert main(["plugins", "doctor"]) == 0
    assert f"117 components need packages that are not installed: {command}\n" in capsys.readouterr().out
    assert main(["plugins", "list"]) == 0
    capsys.readouterr()
    assert command in checked_job("dict(type='pytorch_optimizer.Kron', lr=0.1)")
