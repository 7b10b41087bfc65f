"""Reading says of every file that is no checkpoint what it is instead, and runs none of it."""

from __future__ import annotations

import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch

from core.checkpoint import read_checkpoint, trusting
from core.errors import CheckpointError

CONTENT = {"meta": {"iter": 3}, "state_dict": {"w": torch.arange(1000.0)}}
TRUST = "If you know who wrote the file, --trust-checkpoint unpickles it whole, code included"


def refusal(path: Path, **options: Any) -> str:
    """The message, without the name that it begins with."""
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint(path, **options)
    start = f"checkpoint {str(path)!r} "
    assert str(caught.value).startswith(start)
    return str(caught.value)[len(start) :]


def saved(path: Path, content: Any = CONTENT, **options: Any) -> bytes:
    torch.save(content, path, **options)
    return path.read_bytes()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.pth"


@pytest.mark.parametrize("zipped", [True, False], ids=["since 1.6", "before 1.6"])
def test_both_forms_of_torch(path: Path, zipped: bool) -> None:
    saved(path, _use_new_zipfile_serialization=zipped)
    found = read_checkpoint(path)
    assert found["meta"] == {"iter": 3}
    assert found["state_dict"]["w"].tolist() == list(range(1000))


@pytest.mark.parametrize("zipped", [True, False], ids=["since 1.6", "before 1.6"])
def test_a_file_cut_anywhere_is_truncated(path: Path, zipped: bool) -> None:
    whole = saved(path, _use_new_zipfile_serialization=zipped)
    for length in [1, 2, 3, 4, 10, 13, *range(14, len(whole), 97), len(whole) - 1]:
        path.write_bytes(whole[:length])
        assert refusal(path).startswith("is truncated"), length


def test_an_empty_file(path: Path) -> None:
    path.touch()
    assert refusal(path) == "is empty"


def test_a_flipped_bit_is_found(path: Path) -> None:
    """torch itself would load it."""
    whole = bytearray(saved(path))
    whole[2000] ^= 1
    path.write_bytes(whole)
    assert torch.load(path, weights_only=True)["state_dict"]["w"].tolist() != list(range(1000))
    assert refusal(path) == "is damaged: Bad CRC-32 for file 'a/data/0'"


def test_flipped_bits_anywhere_never_end_in_another_error(path: Path) -> None:
    whole = saved(path)
    for place in range(0, len(whole), 41):
        broken = bytearray(whole)
        broken[place] ^= 0xFF
        path.write_bytes(broken)
        try:
            found = read_checkpoint(path)
        except CheckpointError:
            continue
        # Padding, times and the like: what matters is whole.
        assert found["state_dict"]["w"].tolist() == list(range(1000))


def test_a_file_without_checksums_is_read(path: Path) -> None:
    torch.serialization.set_crc32_options(False)
    try:
        saved(path)
    finally:
        torch.serialization.set_crc32_options(True)
    assert read_checkpoint(path)["meta"] == {"iter": 3}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<!DOCTYPE html><html>404</html>", "is no file of torch: it begins with '<!DOCTYPE html><html>404'"),
        (b"answer: 404\nreason: gone\n", "is no file of torch: it begins with 'answer: 404'"),
        (b"\x89PNG\r\n\x1a\n", "is no file of torch: it begins with 89 50 4e 47 0d 0a 1a 0a"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 9\n",
            "is only the pointer that git-lfs left; `git lfs pull` fetches it",
        ),
        (pickle.dumps({"a": 1}, 2), "is a pickle, but torch did not write it"),
        (
            pickle.dumps({"a": 1}, 4),
            "was pickled with protocol 4, which can only be read by running it; torch's own protocol is 2. " + TRUST,
        ),
    ],
    ids=["web page", "lines of text", "image", "git-lfs", "pickle", "protocol 4"],
)
def test_foreign_files(path: Path, content: bytes, message: str) -> None:
    path.write_bytes(content)
    assert refusal(path) == message


def test_a_foreign_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/hello.txt", "hello")
    assert refusal(path) == "is a zip file, but torch did not write it"


def test_torchscript(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/data.pkl", b"\x80\x02}.")
        archive.writestr("a/constants.pkl", b"\x80\x02).")
    assert refusal(path) == "is a TorchScript program; its state_dict is wanted"


def test_no_file_and_a_folder(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none.pth") == "does not exist"
    assert refusal(tmp_path) == "is a folder"


@pytest.mark.parametrize(("content", "kind"), [([1], "list"), (torch.zeros(1), "Tensor"), (None, "NoneType")])
def test_something_else_than_a_dict(path: Path, content: Any, kind: str) -> None:
    saved(path, content)
    assert refusal(path) == f"holds a {kind}, no weights by name"


class Malicious:
    """What a stranger may put into a pickle."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.trace),)


@pytest.mark.parametrize("zipped", [True, False], ids=["since 1.6", "before 1.6"])
def test_a_malicious_pickle_is_not_run(path: Path, tmp_path: Path, zipped: bool) -> None:
    trace = tmp_path / "trace"
    saved(path, {"state_dict": {}, "meta": Malicious(trace)}, _use_new_zipfile_serialization=zipped)
    assert refusal(path) == f"holds what only running its code could make ({os.name}.mkdir); it was not run. " + TRUST
    assert not trace.exists()


def test_trust_is_the_only_door(path: Path, tmp_path: Path) -> None:
    saved(path, {"meta": Malicious(tmp_path / "one")})
    read_checkpoint(path, trust=True)
    assert (tmp_path / "one").is_dir()
    saved(path, {"meta": Malicious(tmp_path / "two")})
    with trusting():
        read_checkpoint(path)
    assert (tmp_path / "two").is_dir()
    saved(path, {"meta": Malicious(tmp_path / "three")})
    refusal(path)
    assert not (tmp_path / "three").exists()


def test_trust_reads_other_protocols(path: Path) -> None:
    saved(path, pickle_protocol=4)
    assert refusal(path).startswith("was pickled with protocol 4")
    assert read_checkpoint(path, trust=True)["meta"] == {"iter": 3}


def test_trusted_file_of_a_package_that_is_not_there(path: Path) -> None:
    whole = saved(path, {"meta": Path("x")})
    name = f"{type(Path()).__module__}\n{type(Path()).__name__}\n".encode()
    foreign = b"notinstalled\nThing\n".ljust(len(name), b"x")[: len(name) - 1] + b"\n"
    broken = whole.replace(name, foreign)
    assert broken != whole
    with zipfile.ZipFile(path) as archive:
        records = {info.filename: archive.read(info) for info in archive.infolist()}
    with zipfile.ZipFile(path, "w") as archive:
        for record, data in records.items():
            archive.writestr(record, data.replace(name, foreign))
    assert refusal(path, trust=True) == "needs a package that is not there: No module named 'notinstalled'"


@pytest.mark.skipif(torch.cuda.is_available(), reason="says what happens without CUDA")
def test_tensors_of_a_device_that_is_not_here(path: Path) -> None:
    """By default they come to the CPU; only a device that was asked for is an error."""
    whole = saved(path)
    with zipfile.ZipFile(path) as archive:
        records = {info.filename: archive.read(info) for info in archive.infolist()}
    with zipfile.ZipFile(path, "w") as archive:
        for record, data in records.items():
            # The place of a tensor is a text in the pickle.
            archive.writestr(record, data.replace(b"X\x03\x00\x00\x00cpu", b"X\x06\x00\x00\x00cuda:0"))
    assert path.read_bytes() != whole
    for where in ("cpu", None):
        assert read_checkpoint(path, where)["state_dict"]["w"].device.type == "cpu"
    assert refusal(path, map_location="cuda").startswith("cannot be put on 'cuda': ")
