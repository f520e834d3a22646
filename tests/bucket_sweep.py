"""One request of a command on a bucket meets a fault, and each time the bucket and the client's cache are as before."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fault_proxy import FaultProxy

from mreg.storage.bucket import Bucket
from mreg.testing.remote_contract import data_of

Fault = Callable[[str], str | None]


class World:
    """A repository in a bucket, and the folder from which it is used.

    bucket: reaches the store without the proxy. As it is when `keep` is called, `restore` makes it again.
    """

    def __init__(self, cli: Any, bucket: Bucket, proxy: FaultProxy, cache: Path) -> None:
        self.cli, self.bucket, self.proxy, self.cache = cli, bucket, proxy, cache
        self._kept: dict[str, bytes] = {}
        self._etags: dict[str, str] = {}
        self._folders = {cache: cache.with_name("kept-cache"), cli.home: cli.home.with_name("kept-home")}

    def keep(self) -> None:
        self._etags = self._present()
        self._kept = {key: data_of(self.bucket, key) for key in self._etags}
        for folder, copy in self._folders.items():
            folder.mkdir(exist_ok=True)
            shutil.copytree(folder, copy, symlinks=True)

    def restore(self) -> None:
        present = self._present()
        for key in present.keys() - self._etags.keys():
            self.bucket.delete(key)
        for key, etag in self._etags.items():
            if present.get(key) != etag:
                self.bucket.put(key, self._kept[key])
        for folder, copy in self._folders.items():
            for path in folder.iterdir():
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            shutil.copytree(copy, folder, symlinks=True, dirs_exist_ok=True)

    def _present(self) -> dict[str, str]:
        return {one.key: one.etag for one in self.bucket.listing("")}

    def entries(self) -> int:
        """How many changes the bucket's journal holds; -1 where there is no repository."""
        there = list(self.bucket.list(""))
        return sum(key.startswith("journal/0") for key in there) if "config.toml" in there else -1

    def run(self, line: str, fault: Fault = lambda line: None) -> Any:
        self.proxy.fault = fault
        try:
            return self.cli(*line.split())
        finally:
            self.proxy.fault = lambda line: None

    def run_killed(self, line: str, fault: Fault) -> int:
        """In a process of its own, which the fault may end; its exit code."""
        self.proxy.fault = fault
        with self.cli.start(*line.split()) as process:
            self.proxy.kill = process.kill
            process.communicate(timeout=120)
        self.proxy.fault = lambda line: None
        return int(process.returncode)

    def findings(self) -> str:
        """What a client that knows nothing yet finds wrong; an empty text is nothing."""
        present = os.environ["MREG_CACHE"]
        os.environ["MREG_CACHE"] = str(new := self.cache.with_name("cache-of-fsck"))
        try:
            result = self.cli("fsck", "--full")
            return "" if result.code == 0 else str(result)
        finally:
            os.environ["MREG_CACHE"] = present
            shutil.rmtree(new, ignore_errors=True)


class Nth:
    """A fault of one request: the one of this number, from 0. Requests may come at once."""

    def __init__(self, number: int, kind: str | None) -> None:
        self._number, self._kind, self._asked = number, kind, itertools.count()

    def __call__(self, line: str) -> str | None:
        return self._kind if next(self._asked) == self._number else None

    def asked(self) -> int:
        """How many requests there were."""
        return next(self._asked)
