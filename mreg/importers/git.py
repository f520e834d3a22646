"""What a git repository holds, by git itself: it must run no program that the repository's settings name, ask nobody,
fetch nothing and write nothing."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from mreg.importers.faults import MalformedSource
from mreg.importers.words import time_of
from mreg.storage.posix import set_mode
from mreg.values.named_tuple import NamedTuple

MAX_BLOB: Final = 16 << 20
"""Bytes of a file that is read from a commit at once."""
_PATIENCE: Final = 120.0
_QUIET: Final = {
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}
_OPTIONS: Final = ("--no-pager", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null")
_FORMAT: Final = "%x01%H%x00%at%x00%an%x00%s"
_START: Final = re.compile(r"\x01(?=[0-9a-f]{40,64}\x00-?\d+\x00)")
"""Of a commit, as nothing within one can look: its author and subject may contain all characters but NUL."""
_TAG: Final = "%(refname:strip=2)%00%(objecttype)%00%(*objectname)%00%(taggername)%00%(taggerdate:unix)"


class Commit(NamedTuple):
    """changes: of the files that were asked for: path, and blob (None: deleted)."""

    sha: str
    time: str | None
    author: str
    subject: str
    changes: tuple[tuple[str, str | None], ...]


class Tag(NamedTuple):
    """An annotated tag of a commit."""

    name: str
    commit: str
    tagger: str
    at: float


class Entry(NamedTuple):
    """A file of a commit. size: None where the repository lacks it, as a partial clone may."""

    path: str
    blob: str
    size: int | None
    executable: bool


class Git:
    """The repository that `folder` lies in. Paths are relative to the folder."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def is_there(self) -> bool:
        """Is there a repository, with a commit?"""
        try:
            return bool(self._run("rev-parse", "--verify", "--quiet", "HEAD"))
        except MalformedSource:
            return False

    def commits(self, *patterns: str) -> list[Commit]:
        """Those of all branches and tags that changed files of these patterns, the oldest first."""
        options = ("--full-history", "--date-order", "--reverse", "--relative", "--raw", "--no-abbrev", "--no-renames")
        wanted = ("--no-show-signature", "--no-ext-diff", "--no-textconv", "-z", f"--format={_FORMAT}")
        where = ("HEAD", "--branches", "--tags", "--", *(f":(glob){pattern}" for pattern in patterns))
        text = self._run("log", *options, *wanted, *where).decode("utf-8", "surrogateescape")
        return [_commit(part) for part in _START.split(text)[1:]]

    def tags(self) -> list[Tag]:
        text = self._run("for-each-ref", f"--format={_TAG}", "refs/tags").decode("utf-8", "replace")
        found = []
        for line in text.split("\n"):
            name, kind, commit, tagger, at = (line.split("\0") + [""] * 5)[:5]
            if kind == "tag" and commit:
                found.append(Tag(name, commit, tagger, float(at) if at.isdigit() else 0.0))
        return found

    def files(self, commit: str, path: str) -> list[Entry]:
        """The files of a commit that are `path`, or lie in it. Links and submodules are left out."""
        found = []
        told = self._run("ls-tree", "-r", "-l", "-z", commit, "--", path).decode("utf-8", "surrogateescape")
        for row in told.split("\0"):
            facts, tab, name = row.partition("\t")
            mode, _, blob, size = (facts.split() + [""] * 4)[:4]
            if tab and mode in ("100644", "100755"):
                found.append(Entry(name, blob, int(size) if size.isdigit() else None, mode == "100755"))
        return found

    def blobs(self, names: Iterable[str]) -> dict[str, bytes]:
        """What these are, by blob or `COMMIT:./PATH`. Those that are no file, or larger than MAX_BLOB, are left out."""
        wanted = [name for name in dict.fromkeys(names) if "\n" not in name]
        sizes = self._run("cat-file", "--batch-check=%(objecttype) %(objectsize)", given=_lines(wanted)).split(b"\n")
        small = [name for name, told in zip(wanted, sizes, strict=False) if _is_small(told)]
        return dict(zip(small, _contents(self._run("cat-file", "--batch", given=_lines(small))), strict=False))

    def write(self, entry: Entry, path: str) -> None:
        """Write a file of whatever size as the new file `path`."""
        with open(path, "xb") as file:
            self._run("cat-file", "blob", entry.blob, into=file.fileno())
            set_mode(file.fileno(), 0o755 if entry.executable else 0o644)

    def _run(self, *arguments: str, given: bytes = b"", into: int = subprocess.PIPE) -> bytes:
        """Raises MalformedSource."""
        environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
        kept = {key: os.environ[key] for key in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_NOSYSTEM") if key in os.environ}
        try:
            done = subprocess.run(
                ["git", *_OPTIONS, *arguments],
                cwd=self._folder,
                env={**environment, **kept, **_QUIET},
                input=given,
                stdout=into,
                stderr=subprocess.PIPE,
                timeout=_PATIENCE,
                check=False,
            )
        except FileNotFoundError:
            raise MalformedSource(path=self._folder, reason="git is not installed") from None
        except OSError as error:
            raise MalformedSource(path=self._folder, reason=f"cannot run git: {error.strerror or error}") from None
        except subprocess.TimeoutExpired:
            raise MalformedSource(path=self._folder, reason=f"git takes longer than {_PATIENCE:.0f} s") from None
        if done.returncode:
            told = done.stderr.decode("utf-8", "replace").strip().splitlines() or [f"exit code {done.returncode}"]
            raise MalformedSource(path=self._folder, reason=f"git says: {told[0]}")
        return done.stdout or b""


def _lines(names: Sequence[str]) -> bytes:
    return "".join(f"{name}\n" for name in names).encode("utf-8", "surrogateescape")


def _is_small(told: bytes) -> bool:
    kind, _, size = told.partition(b" ")
    return kind == b"blob" and size.isdigit() and int(size) <= MAX_BLOB


def _contents(data: bytes) -> Iterator[bytes]:
    """From what `cat-file --batch` prints: a line that ends in the size, as many bytes, and a line end."""
    at = 0
    while at < len(data):
        end = data.index(b"\n", at)
        size = int(data[at:end].rsplit(b" ", 1)[1])
        yield data[end + 1 : end + 1 + size]
        at = end + 2 + size


def _commit(text: str) -> Commit:
    """From what `log -z --raw` prints of one: a line of the format, then `:MODES BLOBS STATUS`, path."""
    sha, time, author, rest = (text.split("\0", 3) + [""] * 4)[:4]
    subject, *rows = rest.split("\0")
    changes = []
    told = iter(rows)
    for row in told:
        found = re.search(r":\d+ (\d+) [0-9a-f]+ ([0-9a-f]+) ([A-Z])\d*$", row)
        if found:
            path = next(told, "")
            is_there = found[3] != "D" and found[1].startswith("100")
            changes.append((path, found[2] if is_there else None))
    words = subject.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    name = author.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return Commit(sha, time_of(float(time)) if time.lstrip("-").isdigit() else None, name, words, tuple(changes))
