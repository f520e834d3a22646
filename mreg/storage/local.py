"""A store in a folder: one file per key, published by `link` or `rename`, flushed before and after.

    <root>/<key>     a value, mode 0444; replaced only by rename, never written to
    <root>/tmp/      staged values; whatever is left there by a crash may be swept
    <root>/lock      the writers' lock (`mreg.storage.lock`), `lock.held` where flock does not work

No symbolic link below the root is followed: who can write here must not lead others to files of theirs.

Every publication goes: write a file in `tmp/`, fsync it, give it its name, fsync the folder of that name.
Of many values at once (`put_many`) each step is done for all before the next, the flushes by `syncfs`.
A crash between two of these steps leaves the old state or the new, and at most files in `tmp/`. A file is
fsynced at most once: after a failure the kernel may drop the bytes and call the next fsync a success.

Of two puts with ABSENT the kernel lets one through (`link` refuses a taken name), so create-if-absent needs
no lock, and holds between machines. Compare-and-swap is as good as the lock.

Modes are those that the umask leaves, unless a group shares the store (`mreg.storage.rights`).
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from itertools import islice
from stat import S_ISDIR, S_ISLNK, S_ISREG
from typing import TYPE_CHECKING, TypeVar

from blake3 import blake3

from mreg import storage
from mreg.storage.base import ABSENT, ANY, MAX_VALUE, Expect, Put, PutLost, Staged, Stat, Storage, Value
from mreg.storage.flush import MANY, Flusher, flush_files, flush_folder, flush_folders, fsync
from mreg.storage.keys import check_key, is_key
from mreg.storage.posix import LinkInStore, disk_fails, link_new, refuse_link
from mreg.values import file_names
from mreg.values.names import composed

if TYPE_CHECKING:  # loaded by who takes it: readers do not
    from mreg.storage.lock import WritersLock

_T = TypeVar("_T")

_CHUNK = 1 << 16
_MOST_AT_ONCE = 1 << 30  # macOS refuses to read or write more than 2 GiB in one call
_STALE_PAUSES = (0.0, 0.01, 0.1)
_FOLDER_TRIES = 5

_BATCH = 10_000
"""Number of values that `put_many` holds in `tmp/` at most, and in memory."""


class LocalStorage(Storage):
    """The store in the folder `root`, which is made by the first write.

    durable: False leaves out every fsync, for tests and throw-away stores.
    permit: called before the first change; what it raises is raised instead, and nothing is changed.
    Names that are not keys, symbolic links, and the `.nfs…` files of open deleted files are not listed.
    """

    def __init__(
        self, root: str | os.PathLike[str], *, durable: bool = True, permit: Callable[[], None] | None = None
    ) -> None:
        self._root = os.path.abspath(root)
        self._tmp = os.path.join(self._root, "tmp")
        self._durable = durable
        self._permit = permit
        self._shared = False
        self._unflushed: dict[str, None] | None = None
        self._locks: dict[str, WritersLock] = {}

    def __repr__(self) -> str:
        return f"LocalStorage({self._root!r})"

    def get(self, key: str) -> Value | None:
        path = self._path(key)
        data = _patiently(lambda: _read_whole(path))
        return None if data is None else Value(data, blake3(data).hexdigest())

    def read(self, key: str, start: int, length: int) -> bytes:
        if start < 0 or length < 0:
            raise ValueError(f"no such range: {length} bytes from {start}")
        path = self._path(key)
        return _patiently(lambda: _read_range(path, start, length))

    def read_into(self, key: str, start: int, out: memoryview) -> int:
        path = self._path(key)
        return _patiently(lambda: _read_range_into(path, start, out))

    def stat(self, key: str) -> Stat | None:
        path = self._path(key)
        try:
            found = _patiently(lambda: os.lstat(path))
        except (FileNotFoundError, NotADirectoryError):
            return None
        if S_ISLNK(found.st_mode):
            raise LinkInStore(path=path)
        if not S_ISREG(found.st_mode):
            return None
        return Stat(found.st_size, found.st_mtime, f"{found.st_ctime_ns} {found.st_ino}")

    def list(self, prefix: str) -> Iterator[str]:
        if prefix:
            refuse_link(self._path(prefix))
        return self._walk(prefix)

    def look_again(self, key: str) -> None:
        """NFS asks the server for a folder that is opened, and forgets what it knew of its names if it has changed."""
        folder = self._root
        for name in self._local(key).split("/"):
            with suppress(OSError), os.scandir(folder) as names:
                next(names, None)
            folder = f"{folder}/{name}"

    def names(self, prefix: str) -> Iterator[str]:
        path = self._path(prefix)
        refuse_link(path)
        found = _patiently(lambda: _keys_in(path))
        return iter([name[:-1] for name in found if name.endswith("/") and is_key(f"{prefix}/{name[:-1]}")])

    def share(self) -> None:
        self._shared = True

    def open_to_group(self) -> Iterator[str]:
        self._ask()
        return storage.rights.open_all(self._root)

    def stage(self) -> LocalStaged:
        self._ask()
        path = self._scratch()
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL
        # Read-only by mode from the start; the descriptor may write all the same.
        staged = LocalStaged(path, self._in_folder(path, lambda: os.open(path, flags, 0o444)))
        if self._shared:
            try:
                storage.rights.open_file(staged.fd)
            except BaseException:
                staged.discard()
                raise
        return staged

    def put(self, key: str, value: bytes | Staged, expect: Expect | str = ANY) -> None:
        path = self._path(key)
        if isinstance(value, bytes):
            with self.stage() as staged:
                staged.write(value)
                self._publish(staged, key, path, expect)
        elif isinstance(value, LocalStaged):
            self._publish(value, key, path, expect)
        else:
            raise TypeError(f"not staged by this store: {value!r}")

    def put_many(self, puts: Iterable[Put]) -> None:
        rest = iter(puts)
        while batch := list(islice(rest, _BATCH)):
            if self._durable and len(batch) >= MANY:
                self._put_batch(batch)
            else:
                super().put_many(batch)

    def _put_batch(self, puts: Sequence[Put]) -> None:
        """Flush all values at once, then give them their names, then flush all names at once."""
        paths = [self._path(put.key) for put in puts]
        with ExitStack() as unfinished:
            values = [unfinished.enter_context(self._written(put.value)) for put in puts]
            flush_files([staged.path for staged in values])
            with self.lock(), self._folders_at_once() as naming:
                for put, path, staged in zip(puts, paths, values, strict=True):
                    naming._publish(staged, put.key, path, put.expect)

    def _written(self, value: bytes) -> LocalStaged:
        """The value in `tmp/`, complete, for the caller to flush."""
        staged = self.stage()
        staged.write(value)
        staged.seal(durable=False)
        return staged

    @contextmanager
    def _folders_at_once(self) -> Iterator[LocalStorage]:
        """This store, but the folders are flushed at the end of the block, however it ends. A copy of it, for other
        threads flush at once what they name meanwhile."""
        import copy  # noqa: PLC0415 - few changes are large enough

        later = copy.copy(self)
        later._unflushed = {}
        try:
            yield later
        finally:
            flush_folders(list(later._unflushed))

    def touch(self, key: str) -> bool:
        self._ask()
        if self.stat(key) is None:
            return False
        try:
            os.utime(self._path(key), follow_symlinks=False)  # no time given: the file server's clock, not ours
        except FileNotFoundError:
            return False
        except OSError as error:
            if disk_fails(error):
                raise
            return self._renew(key)
        return True

    def _renew(self, key: str) -> bool:
        """A file that another user owns, or whose times cannot be set: a new copy takes its place, if the folder lets
        us."""
        present = self.get(key)
        if present is None:
            return False
        try:
            self.put(key, present.data, present.etag)
        except PutLost:
            return self.stat(key) is not None  # whoever was faster has made it young
        return True

    def delete(self, key: str) -> bool:
        self._ask()
        path = self._path(key)
        try:
            os.unlink(path)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except (IsADirectoryError, PermissionError):  # which of the two a folder gives depends on the system
            if os.path.isdir(path):
                return False
            raise
        self._sync_folder(os.path.dirname(path))
        return True

    def lock(self, timeout: float = 30.0) -> AbstractContextManager[None]:
        self._ask()
        if not os.path.isdir(self._root):
            self._make_folder(self._root)
        if self._shared and not os.path.isdir(self._tmp):
            self._make_folder(self._tmp)  # with the rights that the lock would not give it
        refuse_link(self._tmp)
        if not self._locks:
            lock = storage.lock.WritersLock(self._root, link_new, is_shared=lambda: self._shared)
            self._locks.setdefault("writers", lock)  # one, whichever thread is first
        return self._locks["writers"].hold(timeout)

    def sweep(self, older_than: float, *, dry_run: bool = False) -> int:
        if not dry_run:
            self._ask()
        refuse_link(self._tmp)
        try:
            # By its handle: nothing that takes its place meanwhile is swept.
            folder = os.open(self._tmp, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except FileNotFoundError:
            return 0
        try:
            limit = (time.time() if dry_run else _clock(folder)) - older_than
            names = [name.rstrip("/") for name in _names_in(folder)]
            return sum(_leftover(folder, name, limit, remove=not dry_run) for name in names)
        finally:
            os.close(folder)

    def _ask(self) -> None:
        if self._permit is not None:
            self._permit()
            self._permit = None

    def _scratch(self) -> str:
        """A new name in `tmp/`."""
        refuse_link(self._tmp)
        return f"{self._tmp}/{storage.temporary.temporary_name()}"

    def _path(self, key: str) -> str:
        """Raises LinkInStore where a folder on the way is a link."""
        check_key(key)
        folder, local = self._root, self._local(key)
        for part in local.split("/")[:-1]:
            folder = f"{folder}/{part}"
            refuse_link(folder)
        return f"{self._root}/{local}"

    def _local(self, key: str) -> str:
        """What the system's calls are to be given for `key`."""
        return file_names.local(key)

    def _walk(self, folder: str) -> Iterator[str]:
        path = f"{self._root}/{self._local(folder)}" if folder else self._root
        for name in _patiently(lambda: _keys_in(path)):
            key = f"{folder}/{name}" if folder else name
            if not is_key(key.rstrip("/")):
                continue
            if key.endswith("/"):
                yield from self._walk(key[:-1])
            else:
                yield key

    def _publish(self, staged: LocalStaged, key: str, path: str, expect: Expect | str) -> None:
        staged.seal(durable=self._durable)
        if expect is ABSENT:
            self._create(staged, key, path)
        elif expect is ANY:
            self._replace(staged, path)
        else:
            with self.lock():
                present = self.get(key)
                if present is None or present.etag != expect:
                    raise PutLost(key=key)
                self._replace(staged, path)
        staged.published()
        self._sync_folder(os.path.dirname(path))

    def _create(self, staged: LocalStaged, key: str, path: str) -> None:
        try:
            self._in_folder(path, lambda: link_new(staged.path, path))
        except FileExistsError:
            # Whoever relies on the name that is there must find it after a loss of power: its maker may have
            # been killed before it came to the flush.
            self._sync_folder(os.path.dirname(path))
            raise PutLost(key=key) from None

    def _replace(self, staged: LocalStaged, path: str) -> None:
        try:
            self._in_folder(path, lambda: os.rename(staged.path, path))
        except FileNotFoundError:
            if not staged.is_at(path):  # else the rename worked, and NFS lost the reply
                raise

    def _in_folder(self, path: str, make: Callable[[], _T]) -> _T:
        """`make()`, which gives a file the name `path`, with the folder made where it is missing.

        Tried several times: somebody may be removing empty folders at the same moment.
        """
        for _ in range(_FOLDER_TRIES):
            try:
                return make()
            except FileNotFoundError:
                self._make_folder(os.path.dirname(path))
        return make()

    def _make_folder(self, folder: str) -> None:
        """Make `folder` and what is missing above it, with their names flushed."""
        above = os.path.dirname(folder)
        try:
            self._mkdir(folder)
        except FileNotFoundError:
            self._make_folder(above)
            with suppress(FileExistsError):
                self._mkdir(folder)
        except FileExistsError:
            pass  # made a moment ago by somebody who may not have come to the flush, so it is done here too
        self._sync_folder(above)

    def _mkdir(self, folder: str) -> None:
        if not (self._shared and folder.startswith(self._root)):  # what is above is not shared
            os.mkdir(folder)
            return
        if folder not in (self._root, self._tmp) and not os.path.isdir(self._tmp):
            self._make_folder(self._tmp)
        storage.rights.make_folder(folder, None if folder in (self._root, self._tmp) else self._scratch())

    def _sync_folder(self, folder: str) -> None:
        if self._unflushed is not None:
            self._unflushed[folder] = None
        elif self._durable:
            flush_folder(folder)


class LocalStaged(Staged):
    """A file in `tmp/`: open for writing, then sealed (flushed and closed), then published or discarded."""

    def __init__(self, path: str, fd: int) -> None:
        self.path = path
        self._fd = fd
        self._flusher = Flusher(fd)
        self._size = 0
        self._identity: tuple[int, int] | None = None
        self._gone = False

    @property
    def size(self) -> int:
        return self._size

    @property
    def fd(self) -> int:
        """The open file; -1 when the writing has ended."""
        return self._fd

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self._fd < 0:
            raise ValueError("the staged value is complete and cannot be written to")
        rest = memoryview(data).cast("B")
        try:
            while rest:
                written = os.write(self._fd, rest[:_MOST_AT_ONCE])
                self._size += written
                rest = rest[written:]
                self._flusher.wrote(written)
        except BaseException:
            self.discard()  # a part is of no use, and the disk may be full
            raise

    def seal(self, *, durable: bool) -> None:
        """End the writing, with the bytes flushed. Again: does nothing.

        After a failed flush the bytes are thrown away: nothing could make them safe any more.
        """
        if self._gone:
            raise ValueError("the staged value was published or thrown away")
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            try:
                self._flush_and_close(fd, durable)
            except BaseException:
                self.discard()
                raise

    def published(self) -> None:
        """The bytes have their name now; give up the one in `tmp/`."""
        self.discard()

    def is_at(self, path: str) -> bool:
        """Whether the file at `path` is this very one."""
        try:
            found = os.stat(path)
        except OSError:
            return False
        return (found.st_dev, found.st_ino) == self._identity

    def discard(self) -> None:
        if self._gone:
            return
        self._gone = True
        fd, self._fd = self._fd, -1
        with suppress(OSError):  # what cannot be removed now is swept later
            os.unlink(self.path)
        if fd >= 0:
            with suppress(OSError):
                os.close(fd)

    def _flush_and_close(self, fd: int, durable: bool) -> None:
        try:
            found = os.fstat(fd)
            self._identity = (found.st_dev, found.st_ino)
            if durable:
                fsync(fd)
        finally:
            os.close(fd)  # may raise too: NFS reports a full disk here


def _patiently(call: Callable[[], _T]) -> _T:
    """`call()`, again where NFS says that what it opened was replaced meanwhile."""
    for pause in _STALE_PAUSES:
        try:
            return call()
        except OSError as error:
            if error.errno != errno.ESTALE:
                raise
        time.sleep(pause)
    return call()


def _read_whole(path: str) -> bytes | None:
    try:
        fd = _open_value(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        if not S_ISREG(os.fstat(fd).st_mode):
            raise _no_file(path)
        parts, left = [], MAX_VALUE
        while block := os.read(fd, min(_CHUNK, left)):
            parts.append(block)
            left -= len(block)
        return b"".join(parts)
    finally:
        os.close(fd)


def _open_value(path: str) -> int:
    """Not waiting for a pipe that somebody put there."""
    try:
        return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EMLINK):
            raise LinkInStore(path=path) from None
        if error.errno == errno.ENXIO:  # a socket
            raise _no_file(path) from None
        raise


def _no_file(path: str) -> IsADirectoryError:
    return IsADirectoryError(errno.EISDIR, "something that is no file is in its place", path)


def _read_range(path: str, start: int, length: int) -> bytes:
    with _opened(path) as (fd, size):
        # Python allocates what is asked for, so ask for no more than there is.
        return _pread(fd, start, min(length, max(0, size - start)))


def _read_range_into(path: str, start: int, out: memoryview) -> int:
    done = 0
    with _opened(path) as (fd, _):
        while done < len(out) and (count := os.preadv(fd, [out[done : done + _MOST_AT_ONCE]], start + done)):
            done += count
    return done


@contextmanager
def _opened(path: str) -> Iterator[tuple[int, int]]:
    """The file open for reading, and its size. Raises FileNotFoundError where there is no file."""
    try:
        fd = _open_value(path)
    except NotADirectoryError:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path) from None
    try:
        found = os.fstat(fd)
        if not S_ISREG(found.st_mode):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        yield fd, found.st_size
    finally:
        os.close(fd)


def _pread(fd: int, start: int, length: int) -> bytes:
    data = os.pread(fd, min(length, _MOST_AT_ONCE), start)
    if len(data) == length:
        return data
    parts = [data]
    done = len(data)
    while done < length and parts[-1]:
        parts.append(os.pread(fd, min(length - done, _MOST_AT_ONCE), start + done))
        done += len(parts[-1])
    return b"".join(parts)


def _names_in(folder: str | int) -> list[str]:
    """What is in `folder`, in the order of whole keys: folders end in a slash, and are sorted with it."""
    names = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    names.append(entry.name + "/")
                elif entry.is_file(follow_symlinks=False) and not _is_nfs_remains(entry.name):
                    names.append(entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(names)


def _keys_in(folder: str) -> list[str]:
    """As `_names_in`, but names beyond ASCII as they are in keys: UTF-8 whatever the locale, and NFC whatever form the
    file system gives them."""
    found = _names_in(folder)
    if all(map(str.isascii, found)):
        return found
    return sorted({composed(file_names.stored(name)) for name in found})


def _is_nfs_remains(name: str) -> bool:
    return len(name) == 28 and name.startswith(".nfs")


def _clock(folder: int) -> float:
    """The file system's own time, read without needing space on a disk that may be full. Where it cannot be read, that
    of the last change in the folder: nothing seems older than it is."""
    try:
        os.utime(folder)
    except OSError as error:
        if disk_fails(error) or not os.access(".", os.W_OK, dir_fd=folder):
            raise
    return os.fstat(folder).st_mtime


def _leftover(folder: int, name: str, limit: float, *, remove: bool) -> int:
    """The bytes of unfinished work that was last touched before `limit`, or whose process is gone; they are given
    back if they are removed. None while the file has a second, published name."""
    try:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if found.st_mtime >= limit and not storage.temporary.is_abandoned(name):
            return 0
        if remove:
            _remove(folder, name, found)
    except FileNotFoundError:
        return 0
    return found.st_size if S_ISREG(found.st_mode) and found.st_nlink == 1 else 0


def _remove(folder: int, name: str, found: os.stat_result) -> None:
    if not S_ISDIR(found.st_mode):
        os.unlink(name, dir_fd=folder)
        return
    with suppress(OSError):  # not empty, so none of ours
        os.rmdir(name, dir_fd=folder)
