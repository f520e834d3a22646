"""Bringing files out: every byte verified before anybody sees it, all files or none.

A folder is filled under another name beside its place and gets its name by one `rename`, so it is whole
wherever it is seen. Paths are walked by folder handles that follow no symbolic link: whatever a manifest
says, nothing is written outside of the folder.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from blake3 import blake3

from mreg import packs
from mreg.context import Context
from mreg.durability import flush_folder, flush_tree
from mreg.errors import Damaged, Refused
from mreg.packs import MAX_CHUNK, DamagedChunk, Piece
from mreg.records import File
from mreg.space import check_space

Progress = Callable[[int, int], None]

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_READ_BLOCK = 1 << 20


class DamagedFile(Damaged):
    code = "damaged-file"
    template = "file {path!r} of {version} cannot be read: {reason}"


class UnsafeDestination(Refused):
    code = "unsafe-destination"
    template = "cannot write to {path!r}: {reason}"


class Reader:
    """Reads the files of one version. version: its name, for messages."""

    def __init__(self, context: Context, version: str) -> None:
        self._storage = context.storage
        self._index = context.fresh_index()
        self._version = version
        self._anew = False

    def read(self, file: File) -> Iterator[bytes]:
        """The file's bytes, piece by piece, each verified. That they are all, and in order, is known only
        when the last has been given out: raises DamagedFile then at the latest."""
        whole, size = blake3(), 0
        pieces = self._pieces(file)
        if pieces is None and self._look_again():
            pieces = self._pieces(file)
        if pieces is None:
            raise self._damaged(file, "its chunks are missing")
        verified = [piece.digest.hex() for piece in pieces] == [file.digest]  # with its only chunk
        for piece in pieces:
            data = self._chunk(file, piece)
            size += len(data)
            if not verified:
                whole.update(data)
            yield data
        if size != file.size or not (verified or whole.hexdigest() == file.digest):
            raise self._damaged(file, "its chunks do not make up its digest")

    def _pieces(self, file: File) -> tuple[Piece, ...] | None:
        return self._index.pieces(bytes.fromhex(file.digest), file.size)

    def _chunk(self, file: File, piece: Piece) -> bytes:
        while True:
            located = self._index.chunk(piece.digest)
            try:
                if located is None or piece.size > MAX_CHUNK:
                    raise DamagedChunk(digest=piece.digest.hex(), pack="(none)", reason="no pack has it")
                return packs.read_chunk(self._storage, located.pack, located.entry)
            except DamagedChunk as error:
                if not self._look_again():
                    raise self._damaged(file, str(error)) from None

    def _look_again(self) -> bool:
        """Make the tables anew, once: since they were made, a pack may have been put back, or its chunks logged
        again. False where that was done already."""
        if self._anew:
            return False
        self._anew = True
        self._index.start_anew()
        return True

    def _damaged(self, file: File, reason: str) -> DamagedFile:
        return DamagedFile(path=file.path, version=self._version, reason=reason)


class Tree:
    """A new folder being filled; thrown away unless `keep` is called. Use as a context manager."""

    def __init__(self, path: str) -> None:
        os.mkdir(path)
        self.path = path
        self._root = os.open(path, _FOLDER)

    def __enter__(self) -> Tree:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._root)
        if self.path:
            shutil.rmtree(self.path, ignore_errors=True)

    def write(self, path: str, blocks: Iterator[bytes], mode: int) -> None:
        """Make the file `path` of `blocks`."""
        with self._folder_of(path) as folder:
            descriptor = os.open(os.path.basename(path), _NEW_FILE, 0o600, dir_fd=folder)
            with open(descriptor, "wb", buffering=0) as file:
                for block in blocks:
                    view = memoryview(block)
                    while view:
                        view = view[file.write(view) :]
                os.fchmod(file.fileno(), mode)

    def link(self, path: str, existing: str) -> None:
        """Make `path` another name of the file `existing`."""
        with self._folder_of(path) as folder:
            os.link(existing, os.path.basename(path), dst_dir_fd=folder, follow_symlinks=False)

    def flush(self) -> None:
        """Make all that was written so far durable."""
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

    @contextmanager
    def _folder_of(self, path: str) -> Iterator[int]:
        with open_folder(self._root, path.split("/")[:-1], make=True) as folder:
            yield folder


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
            os.close(handle)
            handle = below
        yield handle
    finally:
        os.close(handle)


def get(reader: Reader, files: Sequence[File], destination: str, progress: Progress | None = None) -> tuple[int, int]:
    """Write `files` below the folder `destination`; how many were written, how many were right already.

    What else lies there is left alone; a file that differs is replaced. Everything is verified, written
    and flushed in a folder of its own first, so a failure changes nothing.
    Raises DamagedFile, UnsafeDestination, NoSpace, OSError.
    """
    steps = Steps(files, progress)
    destination = os.path.abspath(destination)
    parent = os.path.dirname(destination)
    os.makedirs(parent, exist_ok=True)
    staging = os.path.join(parent, f".{os.path.basename(destination)}.mreg-{os.urandom(6).hex()}")
    if not os.path.lexists(destination):
        check_space(parent, [file.size for file in files])
        with Tree(staging) as tree:
            for file in files:
                tree.write(file.path, steps.through(reader.read(file)), published_mode(file))
            with suppress(FileExistsError):
                tree.keep(destination)
                return len(files), 0
    return _merge(reader, files, destination, steps)


def _merge(reader: Reader, files: Sequence[File], destination: str, steps: Steps) -> tuple[int, int]:
    root = _open_destination(destination)
    try:
        wrong = [file for file in files if not _is_right(root, file, steps)]
        if not wrong:
            return 0, len(files)
        check_space(destination, [file.size for file in wrong])
        staging = os.path.join(destination, f".mreg-{os.urandom(6).hex()}")  # in it: it may be a mount of its own
        with Tree(staging) as tree:
            for file in wrong:
                tree.write(file.path, steps.through(reader.read(file)), published_mode(file))
            tree.flush()
            for file in wrong:
                _move_in(staging, root, file.path)
            for folder in {os.path.dirname(file.path) for file in wrong}:
                flush_folder(os.path.join(destination, folder))
        return len(wrong), len(files) - len(wrong)
    finally:
        os.close(root)


def _open_destination(path: str) -> int:
    try:
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except NotADirectoryError:
        raise UnsafeDestination(path=path, reason="a file has this name") from None


def _is_right(root: int, file: File, steps: Steps) -> bool:
    """Are these bytes there already? Raises UnsafeDestination where a link or folder is in the way."""
    folders, name = file.path.split("/")[:-1], os.path.basename(file.path)
    try:
        with open_folder(root, folders) as folder:
            descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except FileNotFoundError:
        return False
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR, errno.EMLINK):
            raise UnsafeDestination(path=file.path, reason="a symbolic link or a file is in the way") from None
        raise
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise UnsafeDestination(path=file.path, reason="something that is no file is in the way")
        if status.st_size != file.size or hash_file(descriptor) != file.digest:
            return False
        steps.advance(file.size)
        return True
    finally:
        os.close(descriptor)


def _move_in(staging: str, root: int, path: str) -> None:
    with open_folder(root, path.split("/")[:-1], make=True) as folder:
        os.rename(os.path.join(staging, path), os.path.basename(path), dst_dir_fd=folder)


def hash_file(descriptor: int) -> str:
    """The digest of an open file's bytes, read from where it stands."""
    whole = blake3()
    while block := os.read(descriptor, _READ_BLOCK):
        whole.update(block)
    return whole.hexdigest()


def published_mode(file: File) -> int:
    """0644 or 0755, less the umask."""
    mask = os.umask(0o022)
    os.umask(mask)
    return (0o755 if file.executable else 0o644) & ~mask


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
