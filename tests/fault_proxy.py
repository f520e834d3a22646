"""Stands before a server on loopback, and spoils answers: as a network, a proxy or a busy store does.

`fault(request line)` names the fault of a request, or None. Of the faults, `refused` ones and `kill-before` do not
reach the server, the others do, and only the answer suffers.
"""

from __future__ import annotations

import http.client
import select
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import urlsplit

from web_server import WebServer

LOST = ("drop", "503", "stall")
"""The server does what it is asked to, and its answer is lost."""

REFUSED = ("refused-409", "refused-429", "refused-503")
KILLS = ("kill-before", "kill-after")
"""Who asks dies, before the server hears of it or before its answer comes."""

LONGEST_STALL = 60.0
"""Seconds: who asks gives up before."""


class FaultProxy:
    """url: where it listens. requests: the lines of all requests, with the fault of each. kill: ends who asks."""

    def __init__(self, endpoint: str) -> None:
        self.target = urlsplit(endpoint).netloc
        self.fault: Callable[[str], str | None] = lambda line: None
        self.requests: list[tuple[str, str | None]] = []
        self.url = ""
        self.kill: Callable[[], None] = lambda: None

    def once(self, kind: str, method: str = "PUT", times: int = 1) -> None:
        """Let the next requests of this method have that fault."""
        left = [times]

        def fault(line: str) -> str | None:
            if left[0] and line.startswith(method):
                left[0] -= 1
                return kind
            return None

        self.fault = fault

    @contextmanager
    def running(self) -> Iterator[FaultProxy]:
        server = WebServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"proxy": self}))
        self.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


class _Handler(BaseHTTPRequestHandler):
    proxy: FaultProxy
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # a body is sent behind its head, for which it would wait 40 ms

    def _pass_on(self) -> None:
        line = f"{self.command} {self.path}"
        kind = self.proxy.fault(line)
        self.proxy.requests.append((line, kind))
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if kind and kind.startswith("refused-"):
            self._answer(int(kind[8:]), {}, _words(kind))
            return
        if kind == "kill-before":
            self._end(self.proxy.kill)
            return
        status, headers, data = self._ask(body)
        if kind == "repeat":
            status, headers, data = self._ask(body)
        if kind == "stall":
            self._end(self._wait)
        elif kind == "drop":
            self._end()
        elif kind == "kill-after":
            self._end(self.proxy.kill)
        elif kind == "truncate":
            self._answer(status, headers, data, len(data) // 2)
            self.close_connection = True
            self.connection.close()
        elif kind and kind != "repeat":
            self._answer(int(kind), {}, b"")
        else:
            self._answer(status, headers, data)

    def _end(self, before: Callable[[], None] = lambda: None) -> None:
        """Give no answer."""
        before()
        self.close_connection = True
        self.connection.close()

    def _wait(self) -> None:
        """Until who asks has gone."""
        select.select([self.connection], [], [], LONGEST_STALL)

    do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = _pass_on

    def _ask(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection(self.proxy.target, timeout=60)
        try:
            connection.request(self.command, self.path, body, dict(self.headers.items()))
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    def _answer(self, status: int, headers: dict[str, str], data: bytes, length: int | None = None) -> None:
        self.send_response(status)
        kept = {name: value for name, value in headers.items() if name.lower() not in _OURS}
        for name, value in kept.items():
            self.send_header(name, value)
        size = headers.get("Content-Length", "0") if self.command == "HEAD" else str(len(data))
        self.send_header("Content-Length", size)
        with suppress(OSError):  # the client may have gone
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data if length is None else data[:length])
            self.wfile.flush()

    def log_message(self, *_: Any) -> None:
        pass

    def finish(self) -> None:
        with suppress(OSError):  # the client may have gone
            super().finish()


_OURS = ("content-length", "transfer-encoding", "connection", "date", "server")


def _words(kind: str) -> bytes:
    words = {"refused-409": "ConditionalRequestConflict", "refused-429": "TooManyRequests", "refused-503": "SlowDown"}
    return f"<Error><Code>{words[kind]}</Code></Error>".encode()
