"""`hookloom plot log`: curves of our logs and of MMCV's, several at a time."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import golden
import pytest

from core.plots.logs import read_log


def write(path: Path, rows: list[dict[str, Any]]) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def train(epoch: int, iteration: int, **values: Any) -> dict[str, Any]:
    return {"mode": "train", "epoch": epoch, "iter": iteration, **values}


def val(epoch: int, **values: Any) -> dict[str, Any]:
    return {"mode": "val", "epoch": epoch, "iter": 5, **values}


META = {"env_info": "sys.platform: linux", "seed": 0}
EPOCHS = [
    META,
    train(1, 10, lr=0.1, loss=3.0, memory=100),
    train(1, 20, lr=0.1, loss=2.0, memory=100),
    val(1, lr=0.1, mAP=0.25),
    train(2, 10, lr=0.01, loss=1.5, memory=100),
    train(2, 20, lr=0.01, loss=1.0, memory=100),
    val(2, lr=0.01, mAP=0.5),
]
ITERATIONS = [
    META,
    train(1, 20, lr=0.1, loss=4.0),
    train(2, 40, lr=0.05, loss=2.5),
    val(2, lr=0.05, mAP=0.4),
    train(3, 60, lr=0.01, loss=2.0),
]
TEXT = "2024-01-01 00:00:00,000 - mmdet - INFO - Epoch [1][10/25]\tlr: 1.000e-01, eta: 0:00:01, loss: 3.0000\n"


def numbers(out: str) -> list[list[str]]:
    return [line.split() for line in out.split("\n\n", 1)[1].splitlines()]


def test_a_log_by_epochs(command: Any, tmp_path: Path) -> None:
    write(tmp_path / "w/a.log.json", EPOCHS)
    (tmp_path / "w/a.log").write_text(TEXT)
    code, out, err = command("plot", "log", "w/a.log.json", "--keys", "loss", "lr", "mAP")
    assert (code, err) == (0, "")
    assert out.startswith("a\n\n")
    assert numbers(out) == [
        ["epoch", "loss", "lr", "mAP"],
        ["0.4", "3", "0.1"],
        ["0.8", "2", "0.1"],
        ["1", "2", "0.1", "0.25"],
        ["1.4", "1.5", "0.01", "0.25"],
        ["1.8", "1", "0.01", "0.25"],
        ["2", "1", "0.01", "0.5"],
    ]
    code, out, _ = command("plot", "log", "w/a.log.json", "--keys", "loss", "mAP", "--x", "iter")
    assert [row[0] for row in numbers(out)] == ["iteration", "10", "20", "25", "35", "45", "50"]


def test_the_length_of_an_epoch_that_nothing_tells(command: Any, tmp_path: Path) -> None:
    write(tmp_path / "a.log.json", EPOCHS)
    code, out, _ = command("plot", "log", "a.log.json", "--x", "iter")
    assert code == 0
    assert "  a.log.json: an epoch is taken to have 20 iterations, the largest number in the log\n" in out
    assert numbers(out) == [["iteration", "loss"], ["10", "3"], ["20", "2"], ["30", "1.5"], ["40", "1"]]


def test_logs_of_both_kinds_in_one_chart(command: Any, tmp_path: Path) -> None:
    write(tmp_path / "first/20240101_000000.log.json", EPOCHS)
    write(tmp_path / "second/20240101_000000.log.json", ITERATIONS)
    files = ("first/20240101_000000.log.json", "second/20240101_000000.log.json")
    code, out, _ = command("plot", "log", *files, "--keys", "mAP", "loss")
    assert code == 0
    rows = out.split("\n\n", 1)[1].splitlines()
    label = "/20240101_000000"
    assert rows[0].split("  ") == [
        *("iteration", f"mAP first{label} val", f"mAP second{label} val"),
        *(f"loss first{label}", f"loss second{label}"),
    ]
    # The evaluation of an iteration runner stands where training had come to.
    assert [row.split() for row in rows[1:]] == [
        ["10", "3"],
        ["20", "0.25", "2", "4"],
        ["30", "0.25", "1.5", "4"],
        ["40", "0.5", "0.4", "1", "2.5"],
        ["60", "0.5", "0.4", "1", "2"],
    ]
    code, out, _ = command("plot", "log", *files, "--legend", "sgd", "adam", "--out", "both.svg", "--keys", "mAP", "lr")
    assert code == 0
    svg = Path("both.svg").read_text()
    for word in (">sgd val<", ">adam val<", ">sgd<", ">adam<", ">mAP<", ">lr<", ">iteration<"):
        assert word in svg


def test_losses_of_both_modes_and_several_optimizers(command: Any, tmp_path: Path) -> None:
    rows = [train(1, 5, lr={"g": 0.1, "d": 0.2}, loss=2.0), val(1, lr={"g": 0.1, "d": 0.2}, loss=1.0)]
    write(tmp_path / "a.json", rows)
    code, out, _ = command("plot", "log", "a.json", "--keys", "loss", "lr")
    assert code == 0
    lines = out.split("\n\n", 1)[1].splitlines()
    assert lines[0].split("  ") == ["epoch", "loss a", "loss a val", "lr a g", "lr a d"]
    assert lines[1].split() == ["1", "2", "1", "0.1", "0.2"]


def test_a_run_of_ours(command: Any) -> None:
    assert command("run", "config.py", "--work-dir", "w")[0] == 0
    (log,) = Path("w").glob("*.log.json")
    code, out, _ = command("plot", "log", str(log), "--keys", "lr", "score")
    assert code == 0
    rows = numbers(out)
    assert [row[0] for row in rows[1:]] == [f"{done / 3:g}" for done in range(1, 10)]
    assert [row[1] for row in rows[1:]] == ["0.01", "0.055", "0.1", "0.1", "0.1", "0.1", "0.01", "0.01", "0.01"]
    assert [len(row) for row in rows[1:]] == [2, 2, 3, 3, 3, 3, 3, 3, 3]


@pytest.mark.parametrize("case", golden.cases("logs"), ids=lambda case: str(case["id"]))
def test_every_recorded_log_of_mmcv_can_be_read(case: dict[str, Any], tmp_path: Path) -> None:
    recorded = [row for row in case["json"] or [] if row.get("mode") == "train"]
    if not recorded:
        return
    log = read_log(write(tmp_path / "a.log.json", case["json"]))
    done = [record.iteration for record in log.records if record.mode == "train"]
    assert all(earlier < later for earlier, later in pairwise(done))
    assert len(done) == len(recorded)
    assert [record.values.get("loss") for record in log.records if record.mode == "train"] == [
        row.get("loss") for row in recorded
    ]


@pytest.mark.parametrize(
    ("content", "arguments", "message"),
    [
        ("", (), "a.log.json holds no records of a run\n"),
        ('{"seed": 1}\n', (), "a.log.json holds no records of a run\n"),
        ("text\nmore\n", (), "a.log.json:1: no JSON; a .log.json has one object a line\n"),
        ("[1]\n", (), "a.log.json:1: no object; a .log.json has one a line\n"),
        (
            json.dumps(train(1, 1, loss_cls=1.0, lr=0.1)) + "\n",
            ("--keys", "loss_cla"),
            "no log has 'loss_cla'; did you mean 'loss_cls'?; there are loss_cls, lr\n",
        ),
        (json.dumps(train(1, 1, loss=1.0)) + "\n", ("--legend", "a", "b"), "--legend names 2 files and there are 1\n"),
    ],
)
def test_what_is_no_log(content: str, arguments: Any, message: str, command: Any, tmp_path: Path) -> None:
    (tmp_path / "a.log.json").write_text(content)
    assert command("plot", "log", "a.log.json", *arguments) == (2, "", message)


def test_a_folder_and_a_file_that_is_not_there(command: Any, tmp_path: Path) -> None:
    write(tmp_path / "w/1.log.json", EPOCHS)
    write(tmp_path / "w/2.log.json", EPOCHS)
    assert command("plot", "log", "w") == (2, "", "w is a folder; its newest log is w/2.log.json\n")
    assert command("plot", "log", "x.json") == (2, "", "log x.json cannot be read: No such file or directory\n")


def test_a_log_whose_last_line_is_cut_off(command: Any, tmp_path: Path) -> None:
    path = Path(write(tmp_path / "a.log.json", EPOCHS))
    path.write_text(path.read_text() + '{"mode": "tra')
    code, out, _ = command("plot", "log", "a.log.json")
    assert code == 0
    assert "  a.log.json: line 8 is cut off, as by the end of the process that wrote it\n" in out


def test_a_key_that_only_some_have_and_values_that_are_not_finite(command: Any, tmp_path: Path) -> None:
    write(tmp_path / "a.log.json", [train(1, 1, loss=1.0), train(1, 2, loss=float("nan"))])
    write(tmp_path / "b.log.json", [train(1, 1, accuracy=1.0)])
    code, out, _ = command("plot", "log", "a.log.json", "b.log.json", "--out", "x.png")
    assert code == 0
    assert "  b has no 'loss'\n" in out
