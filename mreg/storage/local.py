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

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from itertools import islice
from stat import S_ISLNK, S_ISREG
from typing import TYPE_CHECKING, TypeVar

from blake3 import blake3

from mreg import storage
from mreg.small_files import in_place_of
from mreg.storage.base import ABSENT, ANY, Expect, Put, PutLost, Staged, Stat, Storage, Value
from mreg.storage.flush import MANY, flush_files, flush_folder, flush_folders
from mreg.storage.keys import check_key, is_key
from mreg.storage.posix import LinkInStore, disk_fails, link_new, refuse_link
from mreg.storage.reading import keys_in, patiently, read_range, read_range_into, read_whole
from mreg.storage.staged import LocalStaged
from mreg.values import file_names

if TYPE_CHECKING:  # loaded by who takes it: readers do not
    from mreg.storage.lock import WritersLock

_T = TypeVar("_T")

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
        data = patiently(path, lambda: read_whole(path))
        return None if data is None else Value(data, blake3(data).hexdigest())

    def read(self, key: str, start: int, length: int) -> bytes:
        if start < 0 or length < 0:
            raise ValueError(f"no such range: {length} bytes from {start}")
        path = self._path(key)
        return patiently(path, lambda: read_range(path, start, length))

    def read_into(self, key: str, start: int, out: memoryview) -> int:
        path = self._path(key)
        return patiently(path, lambda: read_range_into(path, start, out))

    def stat(self, key: str) -> Stat | None:
        path = self._path(key)
        try:
            found = patiently(path, lambda: os.lstat(path))
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
        found = patiently(path, lambda: keys_in(path))
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
        with in_place_of(self._root, path):
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
        return storage.leftovers.sweep(self._tmp, older_than, dry_run=dry_run)

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
        for name in patiently(path, lambda: keys_in(path)):
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
        missing: list[str] = []
        while True:
            try:
                self._mkdir(folder)
                break
            except FileNotFoundError:
                above = os.path.dirname(folder)
                if above == folder:
                    raise
                missing.append(folder)
                folder = above
            except FileExistsError:
                break  # made a moment ago by somebody who may not have come to the flush, so it is done here too
        self._sync_folder(os.path.dirname(folder))
        for folder in reversed(missing):
            with suppress(FileExistsError):
                self._mkdir(folder)
            self._sync_folder(os.path.dirname(folder))

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
