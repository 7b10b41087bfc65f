"""Averaged weights in whole runs: resumed from any checkpoint, judged, kept as the best ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import small
import torch
from golden_models import TinyNet, loader
from hook_jobs import job, kept_log, log_of, same, saved
from runs import make_runner

from core.hooks.predict import predict
from core.runner.train import train
from hookloom_hooks import EMAHook

EMA = {"type": "EMAHook", "momentum": 0.3, "warm_up": 3, "interval": 2}
PRIORITIES = ["VERY_HIGH", 49, "NORMAL", "LOWEST"]


def averages(state: dict[str, Any]) -> dict[str, Any]:
    """Return the averages by the names of their weights, wherever a checkpoint holds them."""
    weights, (ema,) = state["state_dict"], [v for k, v in state["hookloom"]["hooks"].items() if k.endswith("EMAHook")]
    names = [name for name in weights if not name.startswith("ema_")]
    held = weights if ema["swapped"] else {n: weights[f"ema_{n.replace('.', '_')}"] for n in names}
    return {name: held[name] for name in names}


def raw(state: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in state["state_dict"].items() if not name.startswith("ema_")}


def evaluated(results: list[Any]) -> float:
    return float(sum(torch.as_tensor(result).sum() for result in results))


@pytest.mark.parametrize(
    ("priority", "swap", "every", "by_epoch", "stop"),
    [
        *((priority, "epoch", 1, True, 5) for priority in PRIORITIES),
        *((priority, "epoch", 1, False, 4) for priority in PRIORITIES),
        ("NORMAL", "epoch", 2, False, 5),
        ("NORMAL", "evaluation", 1, True, 5),
        ("NORMAL", "evaluation", 3, False, 4),
    ],
)
def test_a_resumed_run_equals_the_whole_one(
    tmp_path: Path, priority: Any, swap: str, every: int, by_epoch: bool, stop: int
) -> None:
    def config(name: str, *hooks: Any, **changes: Any) -> dict[str, Any]:
        ema = {**EMA, "priority": priority, "swap": swap}
        checkpoints = {"interval": every, "by_epoch": by_epoch}
        return job(tmp_path / name, ema, *hooks, checkpoint_config=checkpoints, **changes)

    train(config("whole"))
    with pytest.raises(KeyboardInterrupt):
        train(config("parts", {"type": small.StopAfterIter, "iteration": stop, "priority": "LOWEST"}))
    train(config("parts", auto_resume=True))
    whole, parts = saved(tmp_path / "whole/latest.pth"), saved(tmp_path / "parts/latest.pth")
    assert same(whole["state_dict"], parts["state_dict"])
    assert same(whole["optimizer"], parts["optimizer"])
    assert same(averages(whole), averages(parts))
    assert not torch.equal(whole["state_dict"]["first.weight"], whole["state_dict"]["ema_first_weight"])


@pytest.mark.parametrize(("priority", "stop"), [(49, 4), ("NORMAL", 5), ("LOWEST", 6)])
def test_a_resumed_run_of_iterations_equals_the_whole_one(tmp_path: Path, priority: Any, stop: int) -> None:
    def config(name: str, *hooks: Any, **changes: Any) -> dict[str, Any]:
        ema = {**EMA, "priority": priority, "swap": "evaluation"}
        options = {"kind": "IterBasedRunner", "checkpoint_config": {"interval": 2}, **changes}
        return job(tmp_path / name, ema, *hooks, **options)

    train(config("whole"))
    with pytest.raises(KeyboardInterrupt):
        train(config("parts", {"type": small.StopAfterIter, "iteration": stop, "priority": "LOWEST"}))
    train(config("parts", auto_resume=True))
    whole, parts = saved(tmp_path / "whole/iter_9.pth"), saved(tmp_path / "parts/iter_9.pth")
    assert same(whole["state_dict"], parts["state_dict"])


@pytest.mark.parametrize(
    ("kind", "swap"),
    [("EpochBasedRunner", "epoch"), ("EpochBasedRunner", "evaluation"), ("IterBasedRunner", "evaluation")],
)
def test_the_best_weights_are_the_averages_that_were_judged(tmp_path: Path, kind: str, swap: str) -> None:
    every = 1 if kind == "EpochBasedRunner" else 3
    judged = {"interval": every, "save_best": "score", "rule": "less"}
    priority = "NORMAL" if swap == "epoch" else 49  # after the checkpoint, or before it with this iteration's update
    train(job(tmp_path / "ema", {**EMA, "swap": swap, "priority": priority}, kind=kind, evaluation=judged))
    train(job(tmp_path / "bare", kind=kind, evaluation=judged))
    (best,) = (tmp_path / "ema").glob("best_score_*.pth")
    state = saved(best)
    score = state["meta"]["hook_msgs"]["best_score"]
    net = small.Net()
    net.load_state_dict(raw(state))
    data = torch.utils.data.DataLoader(small.Points(noise=0.0), batch_size=4)
    assert evaluated(predict(net, data)) == pytest.approx(score, abs=1e-12)
    number = int(best.stem.split("_")[-1])
    name = f"{'epoch' if kind == 'EpochBasedRunner' else 'iter'}_{number}.pth"
    plain, bare = saved(tmp_path / "ema" / name), saved(tmp_path / "bare" / name)
    assert same(raw(plain), raw(bare)), "training itself takes no notice of the averages"
    assert same(raw(state), averages(plain))
    assert not same(raw(state), raw(bare))


def test_an_iteration_runner_never_swaps_as_in_mmcv(tmp_path: Path) -> None:
    judged = {"interval": 3, "save_best": "score", "rule": "less"}
    train(job(tmp_path, EMA, kind="IterBasedRunner", evaluation=judged))
    (best,) = tmp_path.glob("best_score_*.pth")
    number = int(best.stem.split("_")[-1])
    assert same(raw(saved(best)), raw(saved(tmp_path / f"iter_{number}.pth")))


@pytest.mark.parametrize("swap", ["epoch", "evaluation"])
def test_going_on_with_the_best_weights_goes_on_with_the_raw_ones(tmp_path: Path, swap: str) -> None:
    class FirstIsBest(small.Points):
        def evaluate(self, results: list[Any], logger: Any = None) -> dict[str, float]:
            self.asked = getattr(self, "asked", 0) - 1
            return {"accuracy": float(self.asked)}

    def config(name: str, **changes: Any) -> dict[str, Any]:
        config = job(tmp_path / name, {**EMA, "swap": swap}, **changes)
        config["data"]["val"] = {"type": FirstIsBest, "noise": 0.0}
        config["evaluation"] = {"interval": 1, "save_best": "accuracy"}
        return config

    train(config("whole"))
    best = tmp_path / "whole/best_accuracy_epoch_1.pth"
    assert saved(best)["hookloom"]["hooks"]["hookloom_hooks.ema.EMAHook"]["swapped"]
    train(config("parts", resume_from=str(best)))
    assert same(saved(tmp_path / "whole/latest.pth")["state_dict"], saved(tmp_path / "parts/latest.pth")["state_dict"])


def a_runner(work_dir: Path, *hooks: Any, logger: Any = None, model: Any = None, kind: str = "EpochBasedRunner") -> Any:
    model = model or TinyNet()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.9)
    length = {"max_epochs": 3} if kind == "EpochBasedRunner" else {"max_iters": 6}
    options = {"work_dir": str(work_dir), "meta": {}, **({"logger": logger} if logger else {})}
    runner = make_runner({"type": kind, **length}, model, optimizer, **options)
    runner.register_training_hooks(None, {}, {"interval": 1})
    for hook in hooks:
        runner.register_hook(hook, 49)
    return runner


def ema(**options: Any) -> EMAHook:
    return EMAHook(**{"momentum": 0.3, "warm_up": 3, **options})


@pytest.mark.parametrize("kind", ["EpochBasedRunner", "IterBasedRunner"])
@pytest.mark.parametrize("origin", ["ours", "mmcv"])
def test_its_own_resume_from_takes_everything_over(tmp_path: Path, kind: str, origin: str) -> None:
    runner = a_runner(tmp_path / "whole", ema(), kind=kind)
    runner.run([loader(2)], [("train", 1)])
    name = "epoch_1.pth" if kind == "EpochBasedRunner" else "iter_2.pth"
    state = saved(tmp_path / "whole" / name)
    if origin == "mmcv":
        del state["hookloom"]
    torch.save(state, tmp_path / "start.pth")
    resumed = a_runner(tmp_path / "parts", ema(resume_from=str(tmp_path / "start.pth")), kind=kind)
    resumed.run([loader(2)], [("train", 1)])
    assert resumed.iter == runner.iter == 6
    assert same(dict(resumed.model.state_dict()), dict(runner.model.state_dict()))


def test_a_runner_that_runs_on_keeps_its_averages(tmp_path: Path) -> None:
    whole = a_runner(tmp_path / "whole", ema())
    whole.run([loader(2)], [("train", 1)])
    parts = a_runner(tmp_path / "parts", ema())
    parts.run([loader(2)], [("train", 1)], max_epochs=2)
    parts.run([loader(2)], [("train", 1)], max_epochs=3)
    assert same(dict(whole.model.state_dict()), dict(parts.model.state_dict()))


def test_another_hook_of_the_same_model_begins_anew(tmp_path: Path) -> None:
    first = a_runner(tmp_path / "a", ema())
    first.run([loader(2)], [("train", 1)])
    kept = {name: value.clone() for name, value in first.model.named_parameters()}
    hook = ema()
    second = a_runner(tmp_path / "b", hook, model=first.model)
    second.call_hook("before_run")
    assert all(torch.equal(hook._averages[f"ema_{name.replace('.', '_')}"], value) for name, value in kept.items())


def test_a_checkpoint_without_averages_is_told(tmp_path: Path) -> None:
    a_runner(tmp_path / "a").run([loader(2)], [("train", 1)], max_epochs=1)
    with kept_log() as (logger, lines):
        runner = a_runner(tmp_path / "b", ema(), logger=logger)
        runner.resume(str(tmp_path / "a/latest.pth"))
        runner.run([loader(2)], [("train", 1)], max_epochs=2)
        assert "the resumed checkpoint holds no averages: they begin with its weights" in lines
        del lines[:]
        fresh = a_runner(tmp_path / "c", ema(), logger=logger)
        fresh.run([loader(2)], [("train", 1)])
        assert not [line for line in lines if "averages" in line]


def test_mistakes_are_found_before_training(tmp_path: Path) -> None:
    from core.errors import ConfigError

    wrong = {"type": "EMAHook", "momentum": 1.5, "interval": 0, "warm_up": 0, "swap": "evaluatoin"}
    with pytest.raises(ConfigError) as caught:
        train(job(tmp_path, wrong))
    text = str(caught.value)
    for part in ("must lie between 0 and 1, got 1.5", "interval", "warm_up", "'evaluation'"):
        assert part in text
    assert not log_of(tmp_path)
