"""Ready-to-load copies: what `use` hands out.

    <cache>/versions/<digest>/     one folder per version, of read-only files; its time: when it was last handed out
    <cache>/versions/<digest>.json three lines: each file's stat when it was last verified; each file's digest; the
                                   name of the version, and its repository (releases before 0.2 write no such line)
    <cache>/files/ab/cdef…         one file per digest (`…x` where executable), for hard links to it

A folder is whole from the moment it has its name. It is checked at each use by the stats; what does not
look as it did is read again, and replaced if its bytes are wrong. All of it may be deleted at any time:
`mreg.checkout.cache` does so beside others that use it.

Each file has one name: some programs (onnx) refuse files with several, and a write through one name would show under
the others.
With the setting `use.hard-links` versions share files: they are links to those in `files`.
"""

from __future__ import annotations

import errno
import json
import os
import stat
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from mreg import checkout, lazy, storage
from mreg.checkout.cache_lock import locked
from mreg.small_files import in_place_of, make_folders, regular
from mreg.storage.posix import clone, disk_fails, set_mode
from mreg.values.errors import Failed, InvalidInput

if TYPE_CHECKING:  # `find`, which every `use` of a cached version calls, needs none of them
    from mreg.checkout.new_folder import Steps, Tree
    from mreg.checkout.reader import Reader
    from mreg.values.records import File, Manifest

Stamps = dict[str, list[int]]


class NoCache(InvalidInput):
    code = "no-cache"
    template = "there is no cache folder: you have no home folder, and MREG_CACHE is not set"


class UnusableCache(Failed):
    code = "unusable-cache"
    template = "cannot create the cache folder {path}: {reason}"

    path: str
    reason: str


class ReadyCopies:
    """The ready-to-load copies below the folder `cache`."""

    def __init__(self, cache: str, hard_links: Callable[[], bool] = lambda: False, repository: str = "") -> None:
        """hard_links: whether files may have several names; asked when that matters. repository: where it lies, to be
        noted beside what is made."""
        self._cache = os.path.abspath(cache)
        self._hard_links = hard_links
        self._repository = repository
        self._tmp = os.path.join(self._cache, "tmp")

    def find(self, version: str) -> str | None:
        """The folder of the version with this digest if it is there and looks as it did when verified."""
        stamps = _read_stamps(self._stamp_file(version))
        folder = self._folder(version)
        _note_handing_out(folder)  # first: what bears this time nobody prunes
        if stamps is None or _look(folder) != stamps:
            return None
        return folder if self._may_be_handed_out(folder) else None

    def make(self, reader: Reader, version: str, manifest: Manifest, steps: Steps, name: str = "") -> str:
        """The folder of the version with this digest, every file verified just now. name: the version's, to be noted.

        Raises DamagedFile, NameNotHeld, NoSpace, UnusableCache, OSError.
        """
        folder, files = self._folder(version), manifest.files
        if _holds(folder, manifest) and self._may_be_handed_out(folder):  # a cache that was copied, or made elsewhere
            with suppress(OSError, UnusableCache):  # on read-only media it is read each time
                for file in files:
                    _set_mode(os.path.join(folder, file.path), _mode(file))
                self._write_stamps(version, _look(folder), files, name)
            return folder
        _make_folder(os.path.dirname(folder))
        storage.temporary.drop_abandoned(self._tmp, untouched_since=time.time() - storage.temporary.DAY)
        if self._hard_links():
            store = os.path.join(self._cache, "files")
            _make_folder(store)
            with locked(store):  # what has no other name yet must not be pruned
                self._fetch(reader, files, steps)
                self._make(folder, reader, manifest, steps)
        else:
            self._make(folder, reader, manifest, steps)
        self._write_stamps(version, _look(folder), files, name)
        return folder

    def _make(self, folder: str, reader: Reader, manifest: Manifest, steps: Steps) -> None:
        files = manifest.files
        while True:
            scratch = self._scratch()
            with in_place_of(folder, scratch), checkout.new_folder.Tree(scratch) as tree:
                tree.check_names([file.path for file in files], manifest.folders)
                self._fill(tree, reader, files, steps)
                tree.add_folders(manifest.folders)
                try:
                    tree.keep(folder)
                    return
                except FileExistsError:
                    if _holds(folder, manifest) and self._may_be_handed_out(folder):  # another process made it
                        _note_handing_out(folder)
                        return
                    self._throw_away(folder)

    def _fill(self, tree: Tree, reader: Reader, files: Sequence[File], steps: Steps) -> None:
        if self._hard_links():
            self._fetch(reader, files, steps)
            for file in files:
                _link_or_copy(tree, file.path, self._place(file))
            return
        targets = [checkout.new_folder.Target(file.path, file, _mode(file)) for file in files]
        places = self._earlier_copies() if self.can_be_cloned_to(self._tmp) else {}
        rest = []
        for target in targets:
            if tree.clone(target, places.get(target.file.digest, "")):
                steps.advance(target.file.size)
            else:
                rest.append(target)
        self._check_space(reader, [target.file for target in rest])
        tree.fill(reader, rest, steps)

    def _earlier_copies(self) -> dict[str, str]:
        """By digest, where a file lay when it was last verified."""
        found: dict[str, str] = {}
        folder = os.path.join(self._cache, "versions")
        for name in os.listdir(folder):
            if name.endswith(".json"):
                record = os.path.join(folder, name)
                copy = record.removesuffix(".json")
                with (
                    suppress(OSError, ValueError, RecursionError),
                    open(record, encoding="utf-8", opener=regular) as file,
                ):
                    file.readline()
                    found |= {digest: os.path.join(copy, path) for path, digest in json.loads(file.readline()).items()}
        return found

    def _may_be_handed_out(self, folder: str) -> bool:
        """Files with several names may be only where the user wants it so."""
        return not _has_links(folder) or self._hard_links()

    def can_be_cloned_to(self, destination: str) -> bool:
        """Can a file of the cache share its room with one in the folder `destination`, which need not be there yet?"""
        while not os.path.isdir(destination):
            destination = os.path.dirname(destination)
        ours, theirs = self._scratch(), os.path.join(destination, storage.temporary.temporary_name("."))
        try:
            with open(ours, "x+b", buffering=0) as source, open(theirs, "xb", buffering=0) as target:
                source.write(bytes(4096))
                return clone(source.fileno(), target.fileno())
        except OSError:
            return False
        finally:
            for path in (ours, theirs):
                with suppress(OSError):
                    os.unlink(path)

    def _fetch(self, reader: Reader, files: Sequence[File], steps: Steps) -> None:
        """See to it that the one copy of each file is there, verified just now."""
        missing = {}
        for place, file in {self._place(file): file for file in files}.items():
            if _hash(place) == file.digest:
                _set_mode(place, _mode(file))
                steps.advance(file.size)
            else:
                missing[place] = file
        self._check_space(reader, missing.values())
        scratch = self._scratch()
        with in_place_of(self._cache, scratch), checkout.new_folder.Tree(scratch) as tree:
            targets = [
                checkout.new_folder.Target(str(name), file, _mode(file)) for name, file in enumerate(missing.values())
            ]
            tree.fill(reader, targets, steps)
            tree.flush()
            for name, place in enumerate(missing):
                _make_folder(os.path.dirname(place))
                try:
                    os.rename(os.path.join(tree.path, str(name)), place)
                except IsADirectoryError as error:
                    raise UnusableCache(path=place, reason=error.strerror or str(error)) from None

    def _check_space(self, reader: Reader, files: Collection[File]) -> None:
        sizes = [file.size for file in files]
        checkout.space.check_space(self._cache, sizes, lambda: sum(map(reader.holes, files)))

    def _place(self, file: File) -> str:
        """The path of the one copy of these bytes."""
        return os.path.join(self._cache, "files", file.digest[:2], file.digest[2:] + "x" * file.executable)

    def _folder(self, version: str) -> str:
        return os.path.join(self._cache, "versions", version)

    def _stamp_file(self, version: str) -> str:
        return os.path.join(self._cache, "versions", f"{version}.json")

    def _scratch(self) -> str:
        _make_folder(self._tmp)
        return os.path.join(self._tmp, storage.temporary.temporary_name())

    def _throw_away(self, folder: str) -> None:
        scratch = self._scratch()
        with suppress(FileNotFoundError):
            os.rename(folder, scratch)
        with suppress(OSError):
            if stat.S_ISDIR(os.lstat(scratch).st_mode):
                lazy.shutil.rmtree(scratch)
            else:  # which `rmtree` would open, and a pipe waits to be opened at its other end
                os.unlink(scratch)

    def _write_stamps(self, version: str, stamps: Stamps | None, files: Sequence[File], name: str) -> None:
        # Not flushed: what cannot be read later is verified again.
        digests = {file.path: file.digest for file in files}
        origin = {"name": name, "repository": self._repository}
        data = "".join(f"{json.dumps(line)}\n" for line in (stamps, digests, origin)).encode()
        storage.temporary.write_over(self._stamp_file(version), data, self._scratch(), durable=False)


def _note_handing_out(folder: str) -> None:
    with locked(os.path.dirname(folder)), suppress(OSError):  # where it cannot be noted, it can hardly be pruned either
        os.utime(folder)


def _make_folder(path: str) -> None:
    """Raises UnusableCache where a file is in the way, or the file system lets nobody make folders."""
    try:
        make_folders(path)
    except (FileNotFoundError, FileExistsError, NotADirectoryError) as error:
        raise UnusableCache(path=path, reason=error.strerror or str(error)) from None


def _mode(file: File) -> int:
    return 0o555 if file.executable else 0o444


def _set_mode(path: str, mode: int) -> None:
    if stat.S_IMODE(os.stat(path).st_mode) != mode:
        set_mode(path, mode)


def _read_stamps(path: str) -> Stamps | None:
    try:
        with open(path, encoding="utf-8", opener=regular) as file:
            stamps = json.loads(file.readline())
    except (OSError, ValueError, RecursionError):
        return None
    return stamps if isinstance(stamps, dict) else None


def _look(folder: str) -> Stamps | None:
    """Size, modification time and inode of all files below the folder, and nothing of folders that hold
    nothing, whose paths end with `/`; None where it is not there.

    Not the change time: it moves whenever another version links the same file.
    """
    stamps: Stamps = {}
    waiting = [(folder, "")]
    try:
        while waiting:
            here, prefix = waiting.pop()
            with os.scandir(here) as entries:
                entry = None
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append((entry.path, f"{prefix}{entry.name}/"))
                        continue
                    status = entry.stat(follow_symlinks=False)
                    stamps[prefix + entry.name] = [
                        status.st_size,
                        status.st_mtime_ns,
                        status.st_ino,
                        status.st_mode,
                    ]
                if entry is None and prefix:
                    stamps[prefix] = []
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            return None
        raise
    return stamps


def _has_links(folder: str) -> bool:
    """Has any file below the folder another name?"""
    return any(os.lstat(os.path.join(here, name)).st_nlink > 1 for here, _, names in os.walk(folder) for name in names)


def _holds(folder: str, manifest: Manifest) -> bool:
    """Does the folder hold just these files, byte for byte, and these empty folders?"""
    present, files = _look(folder), manifest.files
    if present is None or present.keys() != {*(file.path for file in files), *(f"{one}/" for one in manifest.folders)}:
        return False
    return all(
        bool(present[file.path][3] & stat.S_IXUSR) == file.executable
        and _hash(os.path.join(folder, file.path)) == file.digest
        for file in files
    )


def _hash(path: str) -> str | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return checkout.new_file.hash_file(descriptor) if stat.S_ISREG(os.fstat(descriptor).st_mode) else None
    finally:
        os.close(descriptor)


def _link_or_copy(tree: Tree, path: str, source: str) -> None:
    """A link that is not to be had means a copy. What another process replaces at this very moment has lost its last
    name, and link(2) says that there is no such file."""
    for _ in range(3):
        try:
            tree.link(path, source)
            return
        except FileNotFoundError:
            continue
        except OSError as error:
            if disk_fails(error):
                raise
            break
    with open(source, "rb") as file:
        tree.write(path, iter(lambda: file.read(1 << 20), b""), os.fstat(file.fileno()).st_mode & 0o777)
