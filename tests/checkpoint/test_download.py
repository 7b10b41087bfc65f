"""Checkpoints from the web: fetched once, whole, and never mistaken for another of the same name."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch

from core.checkpoint import load_checkpoint, read_checkpoint
from core.errors import CheckpointError


class Server:
    """Serves `files`; `asked` are the paths it was asked for."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.announced: dict[str, int] = {}
        self.asked: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append(self.path)
                content = outer.files.get(self.path.partition("?")[0])
                if content is None:
                    self.send_error(404)
                    return
                self.send_response(200)
                self.send_header("Content-Length", str(outer.announced.get(self.path, len(content))))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path / "hub"))
    server = Server()
    thread = threading.Thread(target=server.http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.http.shutdown()
    server.http.server_close()
    thread.join()


def checkpoint(value: float, path: Path) -> bytes:
    torch.save({"state_dict": {"weight": torch.full((1, 1), value), "bias": torch.zeros(1)}}, path)
    return path.read_bytes()


def value_at(url: str) -> float:
    return read_checkpoint(url)["state_dict"]["weight"].item()


def cached(tmp_path: Path) -> list[str]:
    folder = tmp_path / "hub" / "checkpoints"
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_it_is_fetched_once(server: Server, tmp_path: Path) -> None:
    server.files["/r50-0676ba61.pth"] = checkpoint(3, tmp_path / "a.pth")
    model = torch.nn.Linear(1, 1)
    for _ in range(2):
        load_checkpoint(model, f"{server.url}/r50-0676ba61.pth")
    assert model.weight.item() == 3
    assert server.asked == ["/r50-0676ba61.pth"]
    assert cached(tmp_path) == ["r50-0676ba61.pth"], "where all users of torch's cache find it"


def test_names_without_a_hash_count_for_their_address_only(server: Server, tmp_path: Path) -> None:
    server.files["/one/latest.pth"] = checkpoint(1, tmp_path / "a.pth")
    server.files["/two/latest.pth"] = checkpoint(2, tmp_path / "a.pth")
    assert value_at(f"{server.url}/one/latest.pth") == 1
    assert value_at(f"{server.url}/two/latest.pth?download=true") == 2
    assert value_at(f"{server.url}/one/latest.pth") == 1
    assert len(server.asked) == 2


def test_a_download_that_ends_early_is_not_kept(server: Server, tmp_path: Path) -> None:
    whole = checkpoint(1, tmp_path / "a.pth")
    server.files["/a.pth"] = whole[:-10]
    server.announced["/a.pth"] = len(whole)
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint(f"{server.url}/a.pth")
    assert str(caught.value) == (
        f"checkpoint '{server.url}/a.pth': the download ended after {len(whole) - 10:,} of {len(whole):,} bytes"
    )
    assert cached(tmp_path) == []
    server.files["/a.pth"] = whole
    assert value_at(f"{server.url}/a.pth") == 1


def test_what_the_server_refuses(server: Server, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint(f"{server.url}/none.pth")
    assert str(caught.value) == (
        f"checkpoint '{server.url}/none.pth' cannot be downloaded: the server answers 404 Not Found"
    )
    assert cached(tmp_path) == []


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("http://127.0.0.1:9/a.pth", "cannot be downloaded: .*refused"),
        ("http://127.0.0.1:9/", "the address names no file"),
        ("http://127.0.0.1:9/a/..", "the address names no file"),
        ("http://127.0.0.1:9/a/%2e%2e", "the address names no file"),
        ("http://[bad/a.pth", "cannot be downloaded: Invalid IPv6 URL"),
        ("open-mmlab://resnet50", "addresses of the kind open-mmlab:// are not known"),
        ("s3://bucket/a.pth", "addresses of the kind s3:// are not known"),
    ],
)
def test_addresses_that_lead_nowhere(
    address: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path / "hub"))
    with pytest.raises(CheckpointError, match=message):
        read_checkpoint(address)


def test_an_address_cannot_leave_the_cache(server: Server, tmp_path: Path) -> None:
    server.files["/%2e%2e%2f%2e%2e%2fevil-0676ba61.pth"] = checkpoint(1, tmp_path / "a.pth")
    assert value_at(f"{server.url}/%2e%2e%2f%2e%2e%2fevil-0676ba61.pth") == 1
    assert cached(tmp_path) == ["evil-0676ba61.pth"]
