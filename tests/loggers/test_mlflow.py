"""Runs on an MLflow tracking server, asked for what it holds through MLflow's own client."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import logged
import pytest
import small
import torch

from core.errors import HookError
from core.runner.train import train

pytestmark = pytest.mark.slow


@pytest.fixture
def client(mlflow_server: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    import mlflow

    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_server.address)
    return mlflow.MlflowClient(mlflow_server.address)


def job(work_dir: Path, *hooks: dict[str, Any], by_epoch: bool = True, **options: Any) -> dict[str, Any]:
    logger = {
        "type": "MlflowLoggerHook",
        "exp_name": work_dir.parent.name,
        "log_model": False,
        "timeout": 300,
        **options,
    }
    return logged.job(work_dir, logger, *hooks, by_epoch=by_epoch)


def only_run(client: Any, experiment: str) -> Any:
    (run,) = client.search_runs([client.get_experiment_by_name(experiment).experiment_id])
    return run


def history(client: Any, run: Any, name: str) -> list[tuple[int, float]]:
    return [(metric.step, metric.value) for metric in client.get_metric_history(run.info.run_id, name)]


def steps(client: Any, run: Any, name: str) -> list[int]:
    return [step for step, _ in history(client, run, name)]


@pytest.mark.parametrize("by_epoch", [True, False], ids=["by epoch", "by iteration"])
def test_a_whole_run(by_epoch: bool, client: Any, tmp_path: Path) -> None:
    given = {"tags": {"kind": "line"}, "params": {"width": 8}}
    train(job(tmp_path / "work", by_epoch=by_epoch, **given))
    run = only_run(client, tmp_path.name)
    assert run.info.status == "FINISHED"
    assert run.data.tags["kind"] == "line"
    assert run.data.params == {"width": "8"}
    losses = history(client, run, "train/loss")
    assert [step for step, _ in losses] == list(range(1, 10))
    assert [value for _, value in losses] == pytest.approx(logged.train_losses(tmp_path / "work"), abs=1e-5)
    # An evaluation at the end of an epoch bears the number of the iteration that comes next.
    evaluated = [4, 7, 10] if by_epoch else [3, 6, 9]
    assert steps(client, run, "val/score") == evaluated
    assert steps(client, run, "learning_rate") == sorted([*range(1, 10), *evaluated])
    assert set(run.data.metrics) == {"train/loss", "val/score", "learning_rate", "momentum"}


@pytest.mark.filterwarnings("ignore:.*Any type hint is inferred:UserWarning")  # of mlflow's own type hints
def test_the_model_is_uploaded(client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import mlflow.pytorch

    train(job(tmp_path / "work", log_model=True))
    run = only_run(client, tmp_path.name)
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "true")
    model = mlflow.pytorch.load_model(f"runs:/{run.info.run_id}/models")
    saved = torch.load(tmp_path / "work/latest.pth", weights_only=True)["state_dict"]
    assert isinstance(model, small.Net)
    assert model.state_dict().keys() == saved.keys()
    assert all(torch.equal(weight, saved[name]) for name, weight in model.state_dict().items())
    (logged,) = client.search_logged_models([run.info.experiment_id])
    assert (logged.name, logged.source_run_id) == ("models", run.info.run_id)


@pytest.mark.parametrize("how", ["option", "variable"])
def test_a_resumed_run_goes_on_in_the_same_run(
    how: str, client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(job(tmp_path / "work", logged.stop(5)))
    run = only_run(client, tmp_path.name)
    assert run.info.status == "FAILED"
    assert steps(client, run, "train/loss") == [1, 2, 3, 4, 5]
    run_id = run.info.run_id
    if how == "variable":
        monkeypatch.setenv("MLFLOW_RUN_ID", run_id)
    # The last checkpoint is that of iteration 3: what comes next is in the run already.
    train(job(tmp_path / "work", **({"run_id": run_id} if how == "option" else {})), auto_resume=True)
    run = only_run(client, tmp_path.name)
    assert (run.info.run_id, run.info.status) == (run_id, "FINISHED")
    assert steps(client, run, "train/loss") == list(range(1, 10))
    assert steps(client, run, "val/score") == [4, 7, 10]
    assert steps(client, run, "learning_rate") == [1, 2, 3, 4, 4, 5, 6, 7, 7, 8, 9, 10]
    said = logged.text_log(tmp_path / "work")
    assert said.count(f"MLflow: run {run_id} holds steps up to 5 already; they are not sent again") == 1
    assert "WARNING" not in said


def test_parameters_that_changed_are_warned_of(client: Any, tmp_path: Path) -> None:
    train(job(tmp_path / "work", params={"width": 8}))
    run = only_run(client, tmp_path.name)
    train(job(tmp_path / "other", params={"width": 9}, run_id=run.info.run_id))
    said = logged.text_log(tmp_path / "other")
    assert said.count("WARNING") == 1
    assert "MLflow failed with" in said
    assert "'new_value': '9'" in said


def test_a_run_of_the_script_is_used_and_stays_open(client: Any, tmp_path: Path) -> None:
    import mlflow

    experiment = mlflow.create_experiment(tmp_path.name)
    with mlflow.start_run(experiment_id=experiment) as mine:
        train(job(tmp_path / "work"))
        assert mlflow.active_run().info.run_id == mine.info.run_id
        assert only_run(client, tmp_path.name).info.status == "RUNNING"
        mlflow.log_metric("after", 1.0, step=20)
    run = only_run(client, tmp_path.name)
    assert run.info.run_id == mine.info.run_id
    assert steps(client, run, "train/loss") == list(range(1, 10))
    assert run.data.metrics["after"] == 1


class Odd(small.Points):
    """A dataset whose metrics have names, and values, that MLflow does not take."""

    def evaluate(self, results: list[Any], metric: str = "score", logger: Any = None) -> dict[str, Any]:
        return {"acc@5": 0.5, "per class": [0.1, 0.2], "note": "text", "nan": float("nan")}


def test_odd_names_and_values(client: Any, tmp_path: Path) -> None:
    config = job(tmp_path / "work")
    config["data"]["val"] = {"type": Odd, "noise": 0.0}
    train(config)
    run = only_run(client, tmp_path.name)
    assert {name for name in run.data.metrics if name.startswith("val/")} == {"val/acc_5", "val/nan"}
    assert history(client, run, "val/acc_5") == [(4, 0.5), (7, 0.5), (10, 0.5)]
    assert "WARNING" not in logged.text_log(tmp_path / "work")


def test_without_mlflow_the_run_does_not_begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(HookError, match=r"pip install 'hookloom-loggers\[mlflow\]'"):
        train(job(tmp_path / "work"))
    assert not list(tmp_path.glob("work/*.pth"))


def test_a_database_needs_more_than_the_client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Hidden from the hook alone: MLflow, imported now, would do without databases for the rest of the process.
    finder = SimpleNamespace(util=SimpleNamespace(find_spec={"sqlalchemy": None}.__getitem__))
    monkeypatch.setattr("hookloom_loggers.mlflow.importlib", finder)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/store.db")
    with pytest.raises(HookError, match="set MLFLOW_TRACKING_URI to the address of a tracking server, or pip install"):
        train(job(tmp_path / "work"))
    assert not (tmp_path / "store.db").exists()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of sqlalchemy, for what mlflow does
def test_without_a_server(client: Any, mlflow_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_server.database)
    train(job(tmp_path / "work"))
    assert steps(client, only_run(client, tmp_path.name), "train/loss") == list(range(1, 10))
