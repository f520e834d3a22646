"""Files of a source, opened for reading only, and only below the folders that the user named."""

from __future__ import annotations

import json
import os
import shlex
import stat
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, Final

from mreg.importers.faults import MalformedSource, OutsideSource
from mreg.importers.words import few
from mreg.small_files import NotAFile, read_start, regular
from mreg.values.errors import MissingPath, UnreadableFile
from mreg.values.paths import MAX_DEPTH

MAX_MANIFEST: Final = 64 << 20
"""Bytes of a file that lists others."""
MAX_WORDS: Final = 1 << 20
"""Bytes of a file with a name, a number or a description."""
MOST_ENTRIES: Final = 1_000_000


class Tree:
    """What lies below `root`, and below the folders `beside` it. Symbolic links are followed, but not out of these."""

    def __init__(self, root: str, beside: Sequence[str] = ()) -> None:
        self.root = os.path.realpath(root)
        self._named = root
        self._roots = [self.root, *map(os.path.realpath, beside)]
        self._led_out: dict[str, str] = {}

    def path(self, *parts: str) -> str:
        return os.path.join(self.root, *parts)

    def inside(self, path: str) -> bool:
        """Does it lead to a place below one of the folders?"""
        real = os.path.realpath(path)
        return any(real == root or real.startswith(os.path.join(root, "")) for root in self._roots)

    def leads_out(self, path: str) -> bool:
        """Is it not inside? Links that lead elsewhere are remembered, to be told by `notes`."""
        if self.inside(path):
            return False
        if os.path.islink(path):
            self._led_out[path] = os.path.realpath(path)
        return True

    def left_out(self) -> list[str]:
        """The links that lead out of the source."""
        return list(self._led_out)

    def notes(self) -> list[str]:
        """A sentence for each link that was left out, as it leads out of the source."""
        return few([self._told(path, place) for path, place in self._led_out.items()])

    def _told(self, path: str, place: str) -> str:
        name = os.path.relpath(path, self.root)
        folder = place if os.path.isdir(place) or not os.path.lexists(place) else os.path.dirname(place)
        return f"{name!r} is left out: it is a link to outside the source; `--data {shlex.quote(folder)}` allows it"

    def check(self, path: str, top: str = "") -> str:
        """`path` itself. top: the folder of all files of this kind. Raises OutsideSource where it leads elsewhere."""
        if not self.inside(path):
            real = os.path.realpath(path)
            folder = real if os.path.isdir(real) else os.path.dirname(real)
            folder = top if top and not self.inside(top) else folder
            raise OutsideSource(path=path, source=self._named, folder=folder)
        return path

    def is_file(self, path: str) -> bool:
        """Is it a file that may be read?"""
        return not self.leads_out(path) and os.path.isfile(path)

    def names(self, folder: str) -> list[str]:
        """What is in the folder, sorted; nothing where there is none. Raises OutsideSource, UnreadableFile."""
        try:
            found = sorted(os.listdir(self.check(folder)))
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise UnreadableFile(path=folder, reason=error.strerror or str(error)) from None
        if len(found) > MOST_ENTRIES:
            raise MalformedSource(path=folder, reason=f"it contains more than {MOST_ENTRIES} files")
        return found

    def folders(self, folder: str) -> Iterator[tuple[str, str]]:
        """The folders in it: name and path. Those that links out of the source stand for are left out, and told."""
        for name in self.names(folder):
            path = os.path.join(folder, name)
            if os.path.isdir(path) and not self.leads_out(path):
                yield name, path

    def walk(self, folder: str) -> Iterator[tuple[str, str]]:
        """The files in the folder and in those below it: path below the folder, and path. Links to folders are not
        followed. Raises OutsideSource, UnreadableFile, MalformedSource for what no version could hold."""
        opened = [("", folder, iter(self.names(folder)))]
        while opened:
            above, here, names = opened[-1]
            for name in names:
                path = os.path.join(here, name)
                if os.path.isdir(path) and not os.path.islink(path):
                    if len(opened) > MAX_DEPTH:
                        raise MalformedSource(path=folder, reason=f"folders are nested more than {MAX_DEPTH} deep")
                    opened.append((f"{above}{name}/", path, iter(self.names(path))))
                    break
                if os.path.isfile(path) or os.path.islink(path):
                    yield above + name, path
            else:
                opened.pop()

    def open(self, path: str) -> BinaryIO:
        """A file of any size, for reading. Raises OutsideSource, MissingPath, UnreadableFile."""
        try:
            return open(self.check(path), "rb", opener=regular)
        except (FileNotFoundError, NotADirectoryError):
            raise MissingPath(path=path) from None
        except OSError as error:
            raise UnreadableFile(path=path, reason=error.strerror or str(error)) from None

    def read(self, path: str, most: int = MAX_MANIFEST) -> bytes:
        """All of a small file. Raises OutsideSource, MissingPath, UnreadableFile, MalformedSource where it is large."""
        try:
            data = read_start(self.check(path), most + 1)
        except (FileNotFoundError, NotADirectoryError):
            raise MissingPath(path=path) from None
        except (NotAFile, OSError) as error:
            raise UnreadableFile(path=path, reason=error.strerror or str(error)) from None
        if len(data) > most:
            raise MalformedSource(path=path, reason=f"it is larger than {most >> 20} MiB")
        return data

    def text(self, path: str, most: int = MAX_WORDS) -> str:
        """All of a small text in UTF-8. Raises as `read`."""
        try:
            return self.read(path, most).decode("utf-8")
        except UnicodeDecodeError:
            raise MalformedSource(path=path, reason="it is not UTF-8 text") from None

    def json(self, path: str) -> Any:
        """What a small JSON file says. Raises as `read`."""
        return parse_json(self.read(path), path)


def parse_json(data: bytes | str, path: str) -> Any:
    """Raises MalformedSource."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        raise MalformedSource(path=path, reason="it is not JSON") from None


def mtime(path: str) -> float:
    """When the file was changed last; 0 where it is not there."""
    try:
        return os.stat(path).st_mtime
    except OSError:
        return 0.0


def is_folder(path: str) -> bool:
    try:
        return stat.S_ISDIR(os.stat(path).st_mode)
    except (OSError, ValueError):
        return False
