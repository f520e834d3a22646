"""A web server within the process of the tests."""

from __future__ import annotations

import sys
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class WebServer(ThreadingHTTPServer):
    """It says nothing of clients that go away, as those that are killed do: at that moment, standard error may belong
    to a command that is tested."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class Files(SimpleHTTPRequestHandler):
    """Python's own handler, without its log: it gives the files of a folder, and knows no ranges."""

    def log_message(self, *_: object) -> None:
        pass
