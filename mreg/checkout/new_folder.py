"""A new folder being filled, under another name beside its place; it gets its name by one `rename`, so it is whole
wherever it is seen. Paths are walked by folder handles that follow no symbolic link: whatever a manifest says,
nothing is written outside of the folder.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, Final

from mreg.checkout.holding import Names
from mreg.checkout.new_file import NewFile
from mreg.checkout.reader import WORTH_A_THREAD, DamagedFile, Part, Reader
from mreg.content.buffers import Buffer
from mreg.storage.flush import flush_file_system, flush_folder, flush_tree
from mreg.storage.posix import set_time
from mreg.values.named_tuple import NamedTuple
from mreg.values.progress import Progress
from mreg.values.records import File

if TYPE_CHECKING:
    from concurrent.futures import Future

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

WORTH_A_FLUSH: Final = 2000
"""Number of short files that take longer to create than a flush."""


class Target(NamedTuple):
    """A file to be made: its path in the folder, what it is to hold, its mode."""

    path: str
    file: File
    mode: int


class Tree:
    """A new folder being filled; thrown away unless `keep` is called. Use as a context manager. moment: the time that
    all its files and folders are to bear, in nanoseconds since 1970."""

    def __init__(self, path: str, moment: int | None = None) -> None:
        self.path = path
        self._moment = moment
        self.written: list[tuple[File, os.stat_result]] = []
        """What `fill` has made: each file with its status when it was closed."""
        self._begun: Future[bool] | None = None

    def __enter__(self) -> Tree:
        try:
            os.mkdir(self.path)
            self._root = os.open(self.path, _FOLDER)
            self._folder: tuple[str, int] = "", os.dup(self._root)
            """The folder that was asked for last, and its handle: files come folder by folder."""
        except FileExistsError:  # it is somebody else's
            raise
        except BaseException:
            shutil.rmtree(self.path, ignore_errors=True)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            os.close(self._root)
            os.close(self._folder[1])
        finally:
            if self.path:
                shutil.rmtree(self.path, ignore_errors=True)

    def check_names(self, files: Sequence[str], folders: Sequence[str]) -> None:
        """Raises NameNotHeld where the file system cannot hold these paths."""
        Names(files, folders).check(self._root, os.path.dirname(self.path))

    def add_folders(self, folders: Sequence[str]) -> None:
        """Make these folders."""
        for folder in folders:
            with open_folder(self._root, folder.split("/"), make=True):
                pass

    def fill(
        self, reader: Reader, targets: Sequence[Target], steps: Steps, left_out: list[DamagedFile] | None = None
    ) -> None:
        """Make all of these files, verified. Raises DamagedFile; with `left_out`, files that cannot be read are left
        out instead, and that is put there."""
        ordered = sorted(targets, key=lambda target: target.file.size >= WORTH_A_THREAD)  # about as they lie in packs
        short = sum(target.file.size < WORTH_A_THREAD for target in ordered)
        with closing(reader.stream([target.file for target in ordered])) as parts:
            for number, target in enumerate(ordered):
                if number == short * 2 // 3 >= WORTH_A_FLUSH:
                    self._begin_flush()
                try:
                    self._make(target, reader, parts, steps)
                except DamagedFile as error:
                    if left_out is None:
                        raise
                    self._remove(target.path)
                    left_out.append(error)

    def _begin_flush(self) -> None:
        """Have what was written so far flushed while more is written: at the end, less is left to wait for."""
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - few checkouts are large enough

        self._begun = ThreadPoolExecutor(1).submit(flush_file_system, self.path)

    def _make(self, target: Target, reader: Reader, parts: Iterator[Part], steps: Steps) -> None:
        """Make the file of the next parts. Raises DamagedFile, with all of its parts taken."""
        size, holes = target.file.size, reader.holes(target.file)
        with NewFile(*self._place_of(target.path), target.mode, size, self._moment, has_holes=bool(holes)) as new:
            for data, last, right, error in parts:
                if error:
                    raise error
                new.write(data)
                steps.advance(len(data))
                reader.done_with(data)
                if not right:
                    new.mend(reader, target.file)
                if last:
                    break
            self.written.append((target.file, new.end()))

    def clone(self, target: Target, source: str) -> bool:
        """Make a file that shares its room on the disk with the file `source`, if that can be and its bytes are
        right."""
        try:
            descriptor = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            with NewFile(*self._place_of(target.path), target.mode, moment=self._moment) as new:
                done = new.clone(descriptor, target.file)
                status = new.end()
        finally:
            os.close(descriptor)
        if done:
            self.written.append((target.file, status))
        else:
            self._remove(target.path)
        return done

    def write(self, path: str, blocks: Iterator[Buffer], mode: int) -> None:
        """Make the file `path` of `blocks`."""
        with NewFile(*self._place_of(path), mode, moment=self._moment) as file:
            for block in blocks:
                file.write(block)
            file.end()

    def _remove(self, path: str) -> None:
        folder, name = self._place_of(path)
        os.unlink(name, dir_fd=folder)

    def link(self, path: str, existing: str) -> None:
        """Make `path` another name of the file `existing`."""
        folder, name = self._place_of(path)
        os.link(existing, name, dst_dir_fd=folder, follow_symlinks=False)

    def flush(self) -> None:
        """Make all that was written so far durable."""
        if self._moment is not None:
            for folder, _, _ in os.walk(self.path):
                set_time(folder, self._moment)
        if self._begun is not None:
            self._begun.result()  # the kernel tells each failure once
        flush_tree(self.path)

    def keep(self, path: str) -> None:
        """Flush the folder and let it be `path`, where nothing but an empty folder may be.

        Raises FileExistsError where something else has been faster.
        """
        self.flush()
        try:
            os.rename(self.path, path)
        except OSError as error:
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                raise FileExistsError(error.errno, error.strerror, path) from None
            raise
        self.path = ""
        flush_folder(os.path.dirname(path) or ".")

    def _place_of(self, path: str) -> tuple[int, str]:
        """The handle of the folder that the file `path` is in, made where there is none, and the file's name there."""
        folder, _, name = path.rpartition("/")
        if folder != self._folder[0]:
            with open_folder(self._root, folder.split("/") if folder else [], make=True) as handle:
                handle = os.dup(handle)
            before, self._folder = self._folder[1], (folder, handle)
            os.close(before)
        return self._folder[1], name


@contextmanager
def open_folder(root: int, parts: Sequence[str], *, make: bool = False) -> Iterator[int]:
    """A handle of the folder `parts` below the handle `root`, reached without following any link."""
    handle = os.dup(root)
    try:
        for part in parts:
            if make:
                with suppress(FileExistsError):
                    os.mkdir(part, dir_fd=handle)
            below = os.open(part, _FOLDER, dir_fd=handle)
            above, handle = handle, below  # first: Ctrl-C may come with any call, and closing twice hits another file
            os.close(above)
        yield handle
    finally:
        os.close(handle)


def published_modes() -> tuple[int, int]:
    """Those of a file and of an executable one: 0644 and 0755, less the umask."""
    mask = os.umask(0o022)
    os.umask(mask)
    return 0o644 & ~mask, 0o755 & ~mask


class Steps:
    """Counts bytes for a progress bar."""

    def __init__(self, files: Sequence[File], progress: Progress | None) -> None:
        self._total = sum(file.size for file in files)
        self._done = 0
        self._progress = progress

    def advance(self, count: int) -> None:
        self._done += count
        if self._progress:
            self._progress(self._done, self._total)

    def through(self, blocks: Iterator[bytes]) -> Iterator[bytes]:
        for block in blocks:
            yield block
            self.advance(len(block))
