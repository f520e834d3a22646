"""What is measured side by side: mreg, a copy, and (in peers.py) what people use instead; and a place to run them in.

Each is a few lines of shell, so that all of them are started and measured in one way.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType

from digest import digest
from measuring import Bench, BenchmarkFailed, Cost

FLUSH = "sync -f ." if sys.platform.startswith("linux") else "sync"
"""Writes out all that the file system holds back; there is nothing else to write, see Station._run."""


@dataclass(frozen=True)
class Tool:
    """How to keep versions of a folder with it.

    Shell scripts, run in a folder of the tool's own: setup makes an empty repository; log keeps the folder $SOURCE as
    the version $NUMBER (1, 2, ...; the same may come again); get writes the version last logged to the folder `out`.
    program: what has to be installed, and how: the way to get it. version: prints which one it is. inside: it keeps
    what lies in this folder of its own, so $SOURCE is copied there before. kept: the folder whose bytes count.
    log_flushed, get_flushed: nothing is lost when the power fails right after; where that is not so, a flush is
    run, and measured, too. moves: what it logs is in the repository and no longer where it was, so that nothing had to
    be copied. shrinks: it can make real weights smaller.
    """

    name: str
    setup: str
    log: str
    get: str = ""
    out: str = "got"
    kept: str = "repo"
    program: str = "sh"
    how: str = ""
    version: str = ""
    inside: str = ""
    log_flushed: bool = False
    get_flushed: bool = False
    moves: bool = False
    shrinks: bool = False


MREG = Tool(
    "mreg",
    setup="mreg -q init",
    log='mreg log "$SOURCE" --artifact net',
    get="mreg get net -o got",
    kept=".mreg",
    log_flushed=True,
    get_flushed=True,
    shrinks=True,
)
MREG_PLAIN = replace(MREG, name="mreg, not encoded", setup="mreg -q init && mreg config set log.compress false")
COPY = Tool("cp -r", setup="mkdir repo", log='cp -r "$SOURCE" "repo/$NUMBER"')
"""The bound."""

DIGEST = Tool(
    "BLAKE3 only",
    setup="",
    log=f'"{sys.executable}" "{Path(__file__).with_name("digest.py")}" "$SOURCE"',
    kept="",
    log_flushed=True,
)
"""Reads and hashes the bytes, and writes nothing."""


class Station:
    """A tool at work in a folder that exists as long as the `with` block.

    Raises BenchmarkFailed from all methods when the tool fails.
    """

    def __init__(self, bench: Bench, tool: Tool) -> None:
        self.tool = tool
        self._bench = bench
        self._folder = bench.folder / "station"
        self._number = 0
        self._source = bench.folder

    def __enter__(self) -> Station:
        self._folder.mkdir()
        try:
            self._run("set-up", self.tool.setup, flushed=True)
        except BenchmarkFailed:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Some protect their files and folders.
        subprocess.run(["chmod", "-R", "u+rwX", str(self._folder)], check=False)
        shutil.rmtree(self._folder)

    def take(self, source: Path) -> None:
        """What to log from now on."""
        self._source = source
        if self.tool.inside:
            self._clear(self.tool.inside)
            # With the times of now, as one who trains would write it: by size and times they tell what has changed.
            shutil.copytree(source, self._folder / self.tool.inside, copy_function=shutil.copyfile)

    def log(self) -> Cost:
        """Make a version of it."""
        self._number += 1
        return self._run("log", self.tool.log, self.tool.log_flushed)

    def clear(self) -> None:
        """So that `get` finds nothing where it is to write."""
        self._clear(self.tool.out)

    def get(self) -> Cost:
        """Write the last version, and see that it is what was logged: a fast `get` of something else is none."""
        cost = self._run("get", self.tool.get, self.tool.get_flushed)
        try:
            same = _files(self._folder / self.tool.out) == _files(self._source)
        except FileNotFoundError:  # a link to nothing
            same = False
        if not same:
            raise BenchmarkFailed("get: what it wrote is not what was logged")
        return cost

    def kept(self) -> int:
        """The bytes of all files that it keeps."""
        if not self.tool.kept:
            return 0
        return sum(
            os.lstat(os.path.join(here, name)).st_size
            for here, _, names in os.walk(self._folder / self.tool.kept)
            for name in names
        )

    def _clear(self, name: str) -> None:
        if (self._folder / name).exists():
            shutil.rmtree(self._folder / name)

    def _run(self, step: str, script: str, flushed: bool) -> Cost:
        os.sync()  # not what others have written
        command = ("sh", "-c", "\n".join(["set -e", script, "" if flushed else FLUSH]))
        return self._bench.run(*command, name=step, folder=self._folder, more=self._environment())

    def _environment(self) -> dict[str, str]:
        """Nothing of the person's settings, nothing kept elsewhere, nobody called."""
        person = {f"GIT_{role}_{key}": "bench" for role in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")}
        return {
            "HOME": str(self._folder),
            "PATH": os.pathsep.join([sysconfig.get_path("scripts"), self._bench.environment["PATH"]]),
            "SOURCE": str(self._source),
            "NUMBER": str(self._number),
            "MREG_CACHE": str(self._folder / "cache"),
            "GIT_CONFIG_NOSYSTEM": "1",
            "RESTIC_PASSWORD": "bench",
            "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes",
            "DVC_NO_ANALYTICS": "1",
            "DVC_SITE_CACHE_DIR": str(self._folder / "site"),
            "MLFLOW_DISABLE_TELEMETRY": "true",
        } | person


def _files(folder: Path) -> Counter[tuple[str, str]]:
    """Names and digests; without the folders, of which some tools make more, and without what git keeps for itself."""
    found: Counter[tuple[str, str]] = Counter()
    for here, folders, names in os.walk(folder):
        if ".git" in folders:
            folders.remove(".git")
        found.update((name, digest(Path(here, name))) for name in names)
    return found
