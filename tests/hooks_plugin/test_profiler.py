"""Traces and tables of torch's profiler, read back; also of runs that fail."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
import small
import torch
from golden_models import TinyNet, loader
from hook_jobs import job, kept_log, log_of
from runs import make_runner

from core import OptionError, WriteError
from core.errors import ConfigError
from core.runner.train import train
from hookloom_hooks import ProfilerHook

KINDS = ["EpochBasedRunner", "IterBasedRunner"]


def steps_in(path: Path) -> list[int]:
    """Return the numbers of the steps that a trace holds."""
    data = path.read_bytes()
    events = json.loads(gzip.decompress(data) if path.suffix == ".gz" else data)["traceEvents"]
    assert any(str(event.get("name")).startswith("aten::") for event in events), "operations are there"
    names = [event["name"] for event in events if str(event.get("name")).startswith("ProfilerStep#")]
    return sorted({int(name.partition("#")[2]) for name in names})


def traces(folder: Path) -> list[list[int]]:
    return sorted(steps_in(path) for path in folder.glob("*.pt.trace.json*"))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("schedule", "cycles"),
    [
        ({"wait": 1, "warmup": 1, "active": 2, "repeat": 2}, [[2, 3], [6, 7]]),
        ({"wait": 0, "warmup": 1, "active": 1, "repeat": 1, "skip_first": 2}, [[3]]),
    ],
)
def test_a_trace_for_tensorboard(tmp_path: Path, kind: str, schedule: Any, cycles: Any) -> None:
    length = {"profile_iters": 3} if kind == "EpochBasedRunner" else {"profile_iters": 9}
    hook = {"type": "ProfilerHook", **length, "schedule": schedule, "on_trace_ready": {"type": "tb_trace"}}
    train(job(tmp_path, hook, kind=kind))
    assert traces(tmp_path / "tf_tracing_logs") == cycles
    assert "profiling cpu for" in log_of(tmp_path)


def test_tensorboard_finds_its_plugin_folder(tmp_path: Path) -> None:
    handler = {"type": "tb_trace", "dir_name": "here", "worker_name": "me", "use_gzip": True}
    train(job(tmp_path, {"type": "ProfilerHook", "on_trace_ready": handler}))
    (path,) = (tmp_path / "here").iterdir()
    assert path.name.startswith("me.")
    assert path.name.endswith(".pt.trace.json.gz")
    assert "traces will be written to" in log_of(tmp_path)
    absolute = {"type": "tb_trace", "dir_name": str(tmp_path / "there")}
    train(job(tmp_path / "w", {"type": "ProfilerHook", "on_trace_ready": absolute}))
    assert len(list((tmp_path / "there").iterdir())) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_table_in_the_log(tmp_path: Path, kind: str) -> None:
    handler = {"type": "log_trace", "sort_by": "self_cpu_time_total", "row_limit": 3}
    train(job(tmp_path, {"type": "ProfilerHook", "on_trace_ready": handler, "profile_iters": 2}, kind=kind))
    said = log_of(tmp_path)
    assert "profile of the last steps:" in said
    table = said.partition("profile of the last steps:")[2].partition("Self CPU time total")[0].splitlines()
    assert "Name" in table[2]
    assert "Self CPU %" in table[2]
    assert len([line for line in table[4:] if line and not line.startswith("-")]) == 3


@pytest.mark.parametrize(("name", "count"), [("trace.json", 2), ("deep/trace.json.gz", 1)])
def test_a_trace_in_chromes_format(tmp_path: Path, name: str, count: int) -> None:
    path = tmp_path / name
    seen: list[Any] = []
    runner = make_runner({"type": "IterBasedRunner", "max_iters": 6}, TinyNet(), None)
    options = {"profile_iters": count, "json_trace_path": str(path), "on_trace_ready": seen.append}
    runner.register_hook(ProfilerHook(**options, record_shapes=True))
    runner.run([loader(3)], [("train", 1)])
    assert steps_in(path) == list(range(count + 1)), "the step that was begun when it ended is there too"
    assert isinstance(seen[0], torch.profiler.profile)


def test_only_the_first_epochs_are_recorded(tmp_path: Path) -> None:
    class Watches:
        def __init__(self) -> None:
            self.running: list[bool] = []

        def before_train_iter(self, runner: Any) -> None:
            self.running.append(torch.autograd._profiler_enabled())

    watches = Watches()
    runner = make_runner({"type": "EpochBasedRunner", "max_epochs": 3}, TinyNet(), None)
    runner.register_hook(ProfilerHook(profile_iters=1))
    runner.register_hook(watches)
    runner.run([loader(2)], [("train", 1)])
    assert watches.running == [True, True, False, False, False, False]


@pytest.mark.parametrize("kind", KINDS)
def test_the_trace_of_a_run_that_fails_is_written(tmp_path: Path, kind: str) -> None:
    class Fails:
        def after_train_iter(self, runner: Any) -> None:
            if runner.iter == 4:
                raise ValueError("out of luck")

    hook = {"type": "ProfilerHook", "profile_iters": 3, "on_trace_ready": {"type": "tb_trace"}}
    if kind == "IterBasedRunner":
        hook["profile_iters"] = 9
    with pytest.raises(ValueError, match="out of luck"):
        train(job(tmp_path, hook, {"type": Fails}, kind=kind))
    (steps,) = traces(tmp_path / "tf_tracing_logs")
    assert set(steps) >= {0, 1, 2, 3}
    assert not torch.autograd._profiler_enabled()
    train(job(tmp_path / "next", hook, kind=kind))
    assert len(traces(tmp_path / "next" / "tf_tracing_logs")) == 1


def test_a_resumed_run_records_its_own_first_iterations(tmp_path: Path) -> None:
    hook = {"type": "ProfilerHook", "by_epoch": False, "profile_iters": 2, "on_trace_ready": {"type": "tb_trace"}}
    stop = {"type": small.StopAfterEpoch, "epoch": 2}
    with pytest.raises(KeyboardInterrupt):
        train(job(tmp_path, stop, hook))
    train(job(tmp_path, hook, auto_resume=True))
    assert traces(tmp_path / "tf_tracing_logs") == [[0, 1, 2], [0, 1, 2]]


def test_what_a_machine_lacks_is_left_out() -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    runner = make_runner({"type": "IterBasedRunner", "max_iters": 1}, TinyNet(), None)
    runner.register_hook(ProfilerHook(activities=("cuda",)))
    with pytest.raises(OptionError, match="this machine can record none of the activities cuda"):
        runner.run([loader(3)], [("train", 1)])


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"profile_iters": 10, "by_epoch": False}, "profile_iters=10 is longer than the run of 6"),
        ({"by_epoch": True}, "by_epoch=True needs a runner that counts epochs; give by_epoch=False"),
        (
            {"profile_iters": 4, "schedule": {"wait": 3, "warmup": 1, "active": 1}},
            "recording begins at iteration 5, but profiling ends after 4: nothing would be recorded",
        ),
        ({"on_trace_ready": {"type": "tb_trace"}}, "there is no work_dir, so dir_name must be an absolute path"),
    ],
)
def test_what_does_not_fit_the_run(options: Any, text: str) -> None:
    runner = make_runner({"type": "IterBasedRunner", "max_iters": 6}, TinyNet(), None)
    runner.register_hook(ProfilerHook(**options))
    with pytest.raises(OptionError, match=text):
        runner.run([loader(3)], [("train", 1)])
    assert runner.iter == 0


def test_a_run_that_ends_before_the_schedule_records_says_so() -> None:
    class Stops:
        def after_train_iter(self, runner: Any) -> None:
            runner.stop("enough")

    with kept_log() as (logger, lines):
        runner = make_runner({"type": "IterBasedRunner", "max_iters": 6}, TinyNet(), None, logger=logger)
        runner.register_hook(ProfilerHook(profile_iters=6, schedule={"wait": 3, "warmup": 1, "active": 1}))
        runner.register_hook(Stops())
        runner.run([loader(3)], [("train", 1)])
    assert "profiling ended before the schedule came to record anything" in lines


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "tf_tracing_logs").write_text("a file")
    with pytest.raises(WriteError, match="for traces cannot be made: File exists"):
        train(job(tmp_path, {"type": "ProfilerHook", "on_trace_ready": {"type": "tb_trace"}}))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"activities": ["cpu", "gpu"]}, "activities: must be of cpu, cuda, xpu, got 'gpu'"),
        ({"activities": []}, "activities: must not be empty"),
        ({"profile_iters": 0}, "profile_iters: must be a positive int, got 0"),
        ({"schedule": {"wait": 1, "warmup": 1}}, "schedule: schedule needs active"),
        ({"schedule": {"wait": 1, "warmup": 1, "activ": 2}}, "has no option 'activ'; did you mean 'active'?"),
        ({"schedule": {"wait": 1, "warmup": 1, "active": 0}}, "active must be an int of at least 1, got 0"),
        ({"on_trace_ready": {"type": "tb_trac"}}, "got 'tb_trac'; did you mean 'tb_trace'?"),
        (
            {"on_trace_ready": {"type": "log_trace", "row_limits": 3}},
            "has no option 'row_limits'; did you mean 'row_limit'?",
        ),
        ({"on_trace_ready": {"type": "log_trace", "sort_by": "cost"}}, "the table has no column 'cost' to sort by"),
        ({"on_trace_ready": {"type": "tb_trace"}, "json_trace_path": "x.json"}, "which torch writes only once"),
    ],
)
def test_mistakes_are_found_before_training(tmp_path: Path, options: Any, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        train(job(tmp_path, {"type": "ProfilerHook", **options}))
    assert text in str(caught.value)


def test_mmcvs_section_registers_it() -> None:
    runner = make_runner({"type": "EpochBasedRunner", "max_epochs": 1}, TinyNet(), None)
    runner.register_profiler_hook({"profile_iters": 1, "with_stack": True, "profile_memory": True, "with_flops": True})
    runner.run([loader(2)], [("train", 1)])
    (hook,) = runner.hooks
    assert isinstance(hook, ProfilerHook)
    assert hook.profiler is None
