"""A Hugging Face Hub that runs here, as far as downloads need one: models with revisions and files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha1, sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import unquote, urlsplit

Revisions = dict[str, tuple[str, dict[str, bytes]]]
"""By branch or tag: the commit, and its files. Those whose names end in `.safetensors` are large ones."""


def git_sha1(data: bytes) -> str:
    return sha1(b"blob %d\0" % len(data) + data).hexdigest()


def etag(path: str, data: bytes) -> str:
    return sha256(data).hexdigest() if path.endswith(".safetensors") else git_sha1(data)


class Hub(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, models: dict[str, Revisions]) -> None:
        super().__init__(("127.0.0.1", 0), _Request)
        self.models = models

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def find(self, name: str, revision: str) -> tuple[str, dict[str, bytes]] | None:
        revisions = self.models.get(name, {})
        by_commit = {commit: (commit, files) for commit, files in revisions.values()}
        return revisions.get(revision) or by_commit.get(revision)


class _Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Hub

    def do_HEAD(self) -> None:
        self._file(body=False)

    def do_GET(self) -> None:
        parts = [unquote(part) for part in urlsplit(self.path).path.strip("/").split("/")]
        if parts[:2] == ["api", "models"]:
            self._api("/".join(parts[2:4]), parts[4], parts[5])
        else:
            self._file(body=True)

    def _api(self, name: str, what: str, revision: str) -> None:
        found = self.server.find(name, revision)
        if found is None:
            self._json(404, {"error": "not found"})
            return
        commit, files = found
        if what == "revision":
            rows = [{"rfilename": path} for path in files]
            self._json(200, {"id": name, "modelId": name, "sha": commit, "siblings": rows, "private": False})
        else:
            self._json(200, [self._row(path, data) for path, data in files.items()])

    def _row(self, path: str, data: bytes) -> dict[str, Any]:
        row: dict[str, Any] = {"type": "file", "path": path, "size": len(data), "oid": git_sha1(data)}
        if path.endswith(".safetensors"):
            row["lfs"] = {"oid": sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}
        return row

    def _file(self, *, body: bool) -> None:
        org, name, _, revision, *rest = [unquote(part) for part in urlsplit(self.path).path.strip("/").split("/")]
        path, found = "/".join(rest), self.server.find(f"{org}/{name}", revision)
        if found is None or path not in found[1]:
            self._json(404, {"error": "not found"})
            return
        data = found[1][path]
        self.send_response(200)
        self.send_header("X-Repo-Commit", found[0])
        self.send_header("ETag", f'"{etag(path, data)}"')
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if body:
            self.wfile.write(data)

    def _json(self, status: int, said: Any) -> None:
        data = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def running(models: dict[str, Revisions]) -> Iterator[str]:
    """The hub's address, for the block."""
    hub = Hub(models)
    thread = Thread(target=hub.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield hub.url
    finally:
        hub.shutdown()
        hub.server_close()
        thread.join()
