"""A way to a local server that can be shut: connections are then refused, or taken and never answered."""

from __future__ import annotations

import contextlib
import socket
import threading


class Gate:
    """Listens on a free local port and hands everything on to another one.

    Args:
        port: of the server behind; None never answers.
    """

    def __init__(self, port: int | None) -> None:
        self.behind = port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        self.taken: list[socket.socket] = []
        self.silent = port is None
        threading.Thread(target=self._accept, daemon=True).start()

    def hang(self) -> None:
        """From now on hand nothing on, in either direction."""
        self.silent = True

    def refuse(self) -> None:
        """From now on refuse connections, and break those there are."""
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for one in self.taken:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.refuse()
        for one in self.taken:
            one.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.taken.append(client)
            if self.behind is not None and not self.silent:
                try:
                    server = socket.create_connection(("127.0.0.1", self.behind))
                except OSError:  # it is gone
                    client.close()
                    continue
                self.taken.append(server)
                for source, target in ((client, server), (server, client)):
                    threading.Thread(target=self._pass_on, args=(source, target), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if self.silent:
                    return
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
