"""A process that forks one for each transfer, which can be told to die before one of its requests or system calls.

`Server.run` sends a line of JSON to `main`, whose process has loaded the code already and opens nothing itself, so that
what a fork inherits is code alone.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

WRITING = ("open", "write", "pwrite", "writev", "fsync", "fdatasync", "ftruncate", "copy_file_range", "sendfile")
CALLS = (*WRITING, "pread", "read", "link", "rename", "replace", "mkdir", "unlink", "rmdir", "utime")
REMOTE = ("get", "read", "stat", "listing", "put", "send", "delete", "renew")
PATIENCE = 120


class Server:
    def __init__(self, environment: dict[str, str]) -> None:
        command = [sys.executable, __file__]
        self._process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(self, what: str, *given: str, die: int = 0) -> Any:
        """What the function of this name returns; None where it died. die: before which call; 0: it lives."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps([what, given, die]) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.close()
        self._process.wait(PATIENCE)
        self._process.stdout.close()


# In the process.


def push(source: str, target: str) -> int:
    with Repository.open(source) as one:
        return one.push(target, every=True, all_aliases=True, links=True).bytes


def pull(source: str, target: str) -> int:
    with Repository.open(target) as one:
        return one.pull(source, every=True, all_aliases=True, links=True).bytes


def clone(source: str, target: str) -> int:
    made, done = Repository.clone(source, target)
    made.close()
    return done.bytes


def mirror(source: str, target: str) -> int:
    with Repository.open(source) as one:
        return one.mirror(target).bytes


def bundle(source: str, target: str) -> int:
    if os.path.exists(target):  # it was finished
        return 0
    with Repository.open(source) as one:
        return one.create_bundle(target, every=True).bytes


def look(location: str) -> dict[str, Any]:
    """What can be seen of a repository: its versions, what is wrong with it, and the bytes that its journal names."""
    try:
        with Repository.open(location) as one:
            storage, journal = one._context.storage, one._context.journal
            names = {name for _, entry in journal.whole() for name in entry.packs}
            stats = [storage.stat(packs.key_of(name)) for name in names]
            return {
                "versions": [each.name for artifact in one.artifacts() for each in one.versions(artifact.name)],
                "aliases": [each.name for each in one.aliases()],
                "findings": [str(each) for each in one.fsck(full=True).findings],
                "named": sum(stat.size for stat in stats if stat),
            }
    except NotFound:
        return {"versions": [], "aliases": [], "findings": [], "named": 0}


def init(location: str) -> None:
    Repository.init(location).close()


def _child(what: str, given: list[str], die: int, out: int) -> None:
    calls = _Calls(die)
    calls.install()
    try:
        done = globals()[what](*given)
        calls.die = 0
        answer = {"done": done, "calls": calls.count}
    except BaseException as error:
        answer = {"error": f"{type(error).__name__}: {error}"}
    calls.write(out, json.dumps(answer).encode())
    os._exit(0)


class _Calls:
    """Counts calls, and dies before one of them."""

    def __init__(self, die: int) -> None:
        self.die, self.count = die, 0
        self.write = os.write

    def install(self) -> None:
        for name in CALLS:
            self._wrap(os, name)
        for kind in (Bucket, Web):
            for name in REMOTE:
                if name in vars(kind):
                    self._wrap(kind, name)
        self._wrap(sftp.SFTPClientHandler, "_make_request")

    def _wrap(self, place: Any, name: str) -> None:
        call: Callable[..., Any] = getattr(place, name)

        def counted(*given: Any, **named: Any) -> Any:
            self.count += 1
            if self.count == self.die:
                os._exit(137)
            return call(*given, **named)

        setattr(place, name, counted)


def main() -> None:
    for line in sys.stdin:
        what, given, die = json.loads(line)
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            os.close(reading)
            _child(what, given, die, writing)
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            data = pipe.read()
        os.waitpid(child, 0)
        print(data.decode() or "null", flush=True)


if __name__ == "__main__":
    from asyncssh import sftp

    from mreg import Repository
    from mreg.content import packs
    from mreg.storage.bucket import Bucket
    from mreg.storage.web import Web
    from mreg.sync import bundles, mirror as _mirror, sending, transfer  # noqa: F401 - loaded once for all
    from mreg.upkeep import fsck  # noqa: F401
    from mreg.values.errors import NotFound

    sending.PACK = 50_000  # type: ignore[misc]
    main()
