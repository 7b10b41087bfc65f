"""Checkpoints that the command line is given: code in them, newer ones, ones from the network, of another run."""

from __future__ import annotations

import http.server
import os
import pickle
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from core.checkpoint import record_checkpoint

SHORT = ("--cfg-options", "runner.max_epochs=1")
LONGER = ("--cfg-options", "runner.max_epochs=2")


class Touch:
    """Unpickled, it makes a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


@pytest.fixture
def trained(command: Any, tmp_path: Path) -> dict[str, Any]:
    """Train one epoch into `w`."""
    assert command("run", "config.py", "--work-dir", "w", *SHORT)[0] == 0
    saved: dict[str, Any] = torch.load(tmp_path / "w" / "epoch_1.pth", weights_only=True)
    return saved


@pytest.fixture
def address(tmp_path: Path, monkeypatch: Any) -> Iterator[str]:
    """Serve the folder on this machine."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None: ...

    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "home"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("option", ["--resume-from", "--load-from", "--test"])
@pytest.mark.parametrize("old_form", [False, True])
def test_code_in_a_checkpoint_is_not_run(
    command: Any, trained: dict[str, Any], tmp_path: Path, option: str, old_form: bool
) -> None:
    touched = tmp_path / "touched"
    trained["meta"]["extra"] = Touch(touched)
    torch.save(trained, tmp_path / "evil.pth", _use_new_zipfile_serialization=not old_form)
    code, _, err = command("run", "config.py", "--work-dir", "v", option, "evil.pth", *LONGER)
    assert code == 2, err
    assert "evil.pth" in err
    assert "mkdir" in err, "what the file wanted to run is named"
    assert "--trust-checkpoint" in err
    assert "Traceback" not in err
    assert not touched.exists()
    assert not list(tmp_path.glob("v/*.pth"))


@pytest.mark.parametrize("value", ["1", "y", "true"])
def test_torchs_environment_variable_is_no_door(
    command: Any, trained: dict[str, Any], tmp_path: Path, monkeypatch: Any, value: str
) -> None:
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", value)
    trained["meta"]["extra"] = Touch(tmp_path / "touched")
    torch.save(trained, tmp_path / "evil.pth")
    for arguments in (("run", "config.py", "--load-from", "evil.pth"), ("checkpoint", "inspect", "evil.pth")):
        code, _, err = command(*arguments)
        assert (code, "mkdir" in err) == (2, True), err
    assert not (tmp_path / "touched").exists()


def test_a_fitting_checksum_is_no_door(command: Any, trained: dict[str, Any], tmp_path: Path) -> None:
    """Whoever can write the file can write the list beside it too."""
    assert command("run", "config.py", "--work-dir", "w", "--auto-resume", "--no-validate", *LONGER)[0] == 0
    evil = tmp_path / "w" / "epoch_2.pth"
    saved = torch.load(evil, weights_only=True)
    saved["meta"]["extra"] = Touch(tmp_path / "touched")
    torch.save(saved, evil)
    record_checkpoint(evil, 6)
    code, out, _ = command("checkpoint", "verify", "w")
    assert code == 2
    (line,) = (line for line in out.splitlines() if line.startswith("epoch_2.pth"))
    assert "BAD" in line
    assert "mkdir" in line
    longest = ("--work-dir", "w", "--auto-resume", "--no-validate", "--cfg-options", "runner.max_epochs=3")
    code, _, err = command("run", "config.py", *longest)
    assert code == 0
    assert "checkpoint skipped: checkpoint" in err
    assert "holds what only running its code could make (posix.mkdir); it was not run" in err
    assert "resumed epoch 1, iter 3" in err, "the one before is taken"
    for name in ("epoch_1.pth", "best_score_epoch_1.pth", "epoch_3.pth", "epoch_2.pth"):
        torch.save(saved, tmp_path / "w" / name)
        record_checkpoint(tmp_path / "w" / name, 6)
    code, _, err = command("run", "config.py", *longest)
    assert (code, "nothing to resume from" in err, "posix.mkdir" in err) == (2, True, True), err
    assert not (tmp_path / "touched").exists()


def test_trust_is_the_users_word(command: Any, trained: dict[str, Any], tmp_path: Path) -> None:
    trained["meta"]["extra"] = Touch(tmp_path / "touched")
    torch.save(trained, tmp_path / "known.pth")
    code, _, err = command("run", "config.py", "--test", "known.pth", "--trust-checkpoint")
    assert code == 0, err
    assert "checkpoint 'known.pth' is trusted: it is unpickled whole, and any code in it runs" in err
    assert (tmp_path / "touched").exists()
    (tmp_path / "touched").rmdir()
    assert command("run", "config.py", "--test", "known.pth")[0] == 2, "trust ends with its command"
    assert not (tmp_path / "touched").exists()


def test_a_bare_pickle_is_no_checkpoint(command: Any, tmp_path: Path) -> None:
    (tmp_path / "bare.pth").write_bytes(pickle.dumps(Touch(tmp_path / "touched")))
    code, _, err = command("run", "config.py", "--load-from", "bare.pth")
    assert (code, "bare.pth" in err) == (2, True)
    assert not (tmp_path / "touched").exists()


def test_a_newer_format(command: Any, trained: dict[str, Any], tmp_path: Path) -> None:
    trained["hookloom"]["format"] = 99
    torch.save(trained, tmp_path / "newer.pth")
    code, _, err = command("run", "config.py", "--resume-from", "newer.pth", *LONGER)
    assert code == 2
    assert "newer.pth" in err
    assert "99" in err


def test_weights_are_no_run_that_can_be_resumed(command: Any, trained: dict[str, Any], tmp_path: Path) -> None:
    torch.save(trained["state_dict"], tmp_path / "weights.pth")
    code, _, err = command("run", "config.py", "--resume-from", "weights.pth")
    assert code == 2
    assert "meta lacks epoch and iter: these are weights, not a run that can be resumed; load_from takes weights" in err
    assert command("run", "config.py", "--load-from", "weights.pth", "--work-dir", "v", *SHORT)[0] == 0


def test_the_optimizer_of_another_run(command: Any, trained: dict[str, Any], tmp_path: Path) -> None:
    options = ("optimizer._delete_=True", "optimizer.type=Adam", "optimizer.lr=0.1", "runner.max_epochs=2")
    code, _, err = command("run", "config.py", "--work-dir", "w", "--auto-resume", "--cfg-options", *options)
    assert code == 2, err
    assert "the checkpoint's optimizer is SGD of torch" in err
    assert "write resume=dict(other_provider=True) to go on with it all the same" in err
    options = (*options, "resume.other_provider=True")
    code, _, err = command("run", "config.py", "--work-dir", "w", "--auto-resume", "--cfg-options", *options)
    assert code == 2, err
    assert "the optimizer state does not fit: it is the state of another optimizer than Adam: it lacks" in err
    assert torch.load(tmp_path / "w" / "latest.pth", weights_only=True)["meta"]["epoch"] == 1


@pytest.mark.parametrize("option", ["--load-from", "--resume-from"])
def test_from_the_network(command: Any, trained: dict[str, Any], tmp_path: Path, address: str, option: str) -> None:
    stop = ("optimizer.lr=0", "runner.max_epochs=1") if option == "--load-from" else ("runner.max_epochs=2",)
    code, _, err = command(
        "run", "config.py", "--work-dir", "v", option, f"{address}/w/epoch_1.pth", "--cfg-options", *stop
    )
    assert code == 0, err
    saved = torch.load(tmp_path / "v" / "latest.pth", weights_only=True)
    assert saved["meta"]["epoch"] == len(stop) - (option == "--load-from") + (option == "--resume-from")
    if option == "--load-from":
        assert all(torch.equal(saved["state_dict"][key], value) for key, value in trained["state_dict"].items())
    code, _, err = command("run", "config.py", "--work-dir", "u", option, f"{address}/nothing.pth")
    assert code == 2
    assert "404" in err


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("way", ["evaluation", "workflow", "test"])
def test_a_sample_that_fails_outside_of_training(
    command: Any, trained: dict[str, Any], tmp_path: Path, way: str, workers: int
) -> None:
    before = {path.name: path.read_bytes() for path in (tmp_path / "w").glob("*.pth")}
    split = "test" if way == "test" else "val"
    options = [f"data.{split}.fail_at=5", f"data.workers_per_gpu={workers}", "runner.max_epochs=2"]
    arguments = ["run", "config.py"]
    if way == "test":
        arguments += ["--test", "w/epoch_1.pth"]
    else:
        arguments += ["--work-dir", "w", "--auto-resume"]
    if way == "workflow":
        arguments += ["--no-validate"]
        options += ["workflow=[('val',1),('train',1)]"]
    code, _, err = command(*arguments, "--cfg-options", *options)
    assert code == 1, err
    where = " in loader worker 0" if workers else ""
    assert f"dataset Points failed at index 5{where}: ValueError: broken sample" in err
    after = {path.name: path.read_bytes() for path in (tmp_path / "w").glob("*.pth") if path.name in before}
    assert all(after[name] == before[name] for name in before if name != "latest.pth")
