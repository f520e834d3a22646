"""The writers' lock of a folder.

Where flock works: flock on `<root>/lock`, which the kernel drops when the holder dies. Who holds it is
written into the file, for the message of whoever waits in vain.

Where flock is refused, or lets two descriptors in at once: a file `<root>/lock.held`, created by link. It
outlives its holder, so it is broken when stale: when this machine can tell that the holder is gone (the
process ended, or the machine was started anew), or 30 minutes after it was taken where this machine cannot
tell. It is not refreshed meanwhile, since locks are held for milliseconds: a holder on another machine that
is suspended for longer loses it. And between moving a lock aside and finding that a new holder's was moved,
not the stale one, a third writer can get in: a window of microseconds, only while a stale lock is broken.

What cannot be seen from here: a mount that keeps flock to one machine (NFS with `local_lock=flock` or
`nolock`). That is why create-if-absent never rests on this lock.
"""

from __future__ import annotations

import errno
import os
import time
from _thread import get_ident
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from mreg import lazy, storage
from mreg.small_files import in_place_of, make_folders
from mreg.storage.base import LockTimeout
from mreg.storage.posix import refuse_link
from mreg.storage.process import Process, read_note
from mreg.storage.temporary import temporary_name

STALE_AFTER = 30 * 60.0
"""Seconds after which a link-made lock may be broken when nothing can be learnt about its holder."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.001, 0.020


class WritersLock:
    """The lock of the folder `root`, for all threads of this process that share the object, and all others.

    link: gives a file a second name or raises FileExistsError, as `mreg.storage.posix.link_new`.
    is_shared: tells whether the folder's group must be able to take the lock too.
    """

    def __init__(
        self, root: str, link: Callable[[str, str], None], is_shared: Callable[[], bool] = lambda: False
    ) -> None:
        self._root = root
        self._link = link
        self._is_shared = is_shared
        self._flock_works: bool | None = None  # not known before the first use
        self._holding: set[tuple[int, int]] = set()  # (process, thread)

    @contextmanager
    def hold(self, timeout: float) -> Iterator[None]:
        """Hold the lock for the block; again within a thread: at no cost. Raises LockTimeout.

        The process id is part of who holds it, so a child forked inside the block neither has the lock
        nor gives its parent's back.
        """
        me = (os.getpid(), get_ident())
        if me in self._holding:
            yield
            return
        lock = self._take(timeout)
        self._holding.add(me)
        try:
            yield
        finally:
            self._holding.discard(me)
            if os.getpid() == me[0]:
                lock.release()

    def _take(self, timeout: float) -> _Flock | _LinkLock:
        deadline = time.monotonic() + timeout
        if self._flock_works is not False:
            if self._is_shared():
                self._make_shared_file()
            lock = _Flock(self._root, probe=self._flock_works is None)
            try:
                _wait_for(lock, deadline, timeout)
            except _FlockDoesNotWork:
                if self._flock_works:
                    raise  # a passing fault; taking the other kind now would exclude nobody
                self._flock_works = False
            else:
                self._flock_works = True
                return lock
        link_lock = _LinkLock(self._root, self._link, shared=self._is_shared())
        _wait_for(link_lock, deadline, timeout)
        return link_lock

    def _make_shared_file(self) -> None:
        """The file must never be there without the group's rights: others could not lock it."""
        path = f"{self._root}/lock"
        if os.path.lexists(path):
            return
        temp = f"{self._root}/tmp/{temporary_name()}"
        with in_place_of(path, temp):
            fd = os.open(temp, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            storage.rights.open_lock(fd)
            with suppress(FileExistsError):
                self._link(temp, path)
        finally:
            os.close(fd)
            with suppress(FileNotFoundError):
                os.unlink(temp)


def _wait_for(lock: _Flock | _LinkLock, deadline: float, timeout: float) -> None:
    """Try until it is taken. When that raises, nothing of the try is left behind."""
    pause = _FIRST_PAUSE
    try:
        while not lock.take():
            left = deadline - time.monotonic()
            if left <= 0:
                raise LockTimeout(seconds=timeout, holder=lock.holder())
            jitter = 0.5 + os.urandom(1)[0] / 256  # so that waiters do not march in step
            time.sleep(min(pause * jitter, left))
            pause = min(pause * 1.5, _LONGEST_PAUSE)
    except BaseException:
        lock.release()
        raise


class _FlockDoesNotWork(OSError):
    """flock is refused here, or is a call without effect."""


class _Flock:
    """One acquisition by flock, on a descriptor of its own, so that threads exclude one another too."""

    def __init__(self, root: str, *, probe: bool) -> None:
        self._path = f"{root}/lock"
        self._probe = probe
        self._fd = -1
        self._taken = False

    def take(self) -> bool:
        """One try. Raises _FlockDoesNotWork where it is refused, or (if asked to probe) excludes nobody."""
        if self._fd < 0:
            refuse_link(self._path)
            self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
            _inherited.add(self._fd)
        if not _flock(self._fd):
            return False
        self._taken = True
        if not self._is_in_place():
            self.release()
            return False
        if self._probe and not self._excludes_others():
            raise _FlockDoesNotWork(errno.ENOLCK, "flock excludes nobody here", self._path)
        with suppress(OSError):  # a full disk must not stop those who want to delete something
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, Process.me().encode(), 0)
        return True

    def release(self) -> None:
        fd, self._fd = self._fd, -1
        if fd < 0:
            return
        if self._taken:
            self._taken = False
            with suppress(OSError):
                os.ftruncate(fd, 0)
            _unflock(fd)  # not left to close: a child forked meanwhile may have the descriptor too
        _inherited.discard(fd)
        os.close(fd)

    def holder(self) -> str:
        note = read_note(self._path)
        return Process.decode(note).describe() if note else "an unknown process"

    def _is_in_place(self) -> bool:
        """False if the file was removed or replaced by hand since it was opened: others lock another one."""
        try:
            named = os.stat(self._path)
        except FileNotFoundError:
            return False
        return os.path.samestat(named, os.fstat(self._fd))

    def _excludes_others(self) -> bool:
        other = os.open(self._path, os.O_RDWR | os.O_NOFOLLOW)
        try:
            return not _flock(other)
        finally:
            os.close(other)


def _flock(fd: int) -> bool:
    try:
        lazy.fcntl.flock(fd, lazy.fcntl.LOCK_EX | lazy.fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:  # whatever it is: there is another way
        raise _FlockDoesNotWork(*error.args) from error
    return True


def _unflock(fd: int) -> None:
    with suppress(OSError):  # then closing has to do
        lazy.fcntl.flock(fd, lazy.fcntl.LOCK_UN)


_inherited: set[int] = set()
"""Descriptors of locks. A forked child closes its copies, or the lock would outlive a killed parent."""


def _close_inherited() -> None:
    for fd in _inherited:
        with suppress(OSError):
            os.close(fd)
    _inherited.clear()


os.register_at_fork(after_in_child=_close_inherited)


class _LinkLock:
    """One acquisition by a lock file of its own, given the name `lock.held` by link."""

    def __init__(self, root: str, link: Callable[[str, str], None], *, shared: bool) -> None:
        self._path = f"{root}/lock.held"
        self._tmp = f"{root}/tmp"
        self._link = link
        self._shared = shared
        self._temp = ""
        self._note = b""
        self._clock_offset = 0.0  # from this process's monotonic clock to the file system's

    def take(self) -> bool:
        if not self._note:
            self._prepare()
        return self._try() or (self._break_if_stale() and self._try())

    def release(self) -> None:
        self._drop_temp()
        if self._note and read_note(self._path) == self._note:  # else it was broken, and is another's by now
            with suppress(FileNotFoundError):
                os.unlink(self._path)
        self._note = b""

    def holder(self) -> str:
        note = read_note(self._path)
        return Process.decode(note).describe() if note else "an unknown process"

    def _prepare(self) -> None:
        make_folders(self._tmp)
        self._temp = f"{self._tmp}/{temporary_name()}"
        note = Process.me()._replace(nonce=os.path.basename(self._temp)).encode()
        with in_place_of(self._path, self._temp):
            fd = os.open(self._temp, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o444)
        try:
            os.write(fd, note)
            if self._shared:
                storage.rights.open_file(fd)
            self._clock_offset = os.fstat(fd).st_mtime - time.monotonic()
        finally:
            os.close(fd)
        self._note = note

    def _try(self) -> bool:
        try:
            self._link(self._temp, self._path)
        except FileExistsError:
            return False
        self._drop_temp()
        return True

    def _drop_temp(self) -> None:
        if self._temp:
            with suppress(OSError):  # what cannot be removed now is swept later
                os.unlink(self._temp)

    def _break_if_stale(self) -> bool:
        """Whether the lock that was in the way is gone now."""
        note = read_note(self._path)
        if note is None:
            return True
        if not self._is_stale(note):
            return False
        aside = f"{self._tmp}/{temporary_name()}"
        try:
            os.rename(self._path, aside)
        except FileNotFoundError:
            return True
        if read_note(aside) != note:  # somebody else broke the stale one and took the lock: put theirs back
            with suppress(FileExistsError):
                self._link(aside, self._path)
        with suppress(FileNotFoundError):
            os.unlink(aside)
        return True

    def _is_stale(self, note: bytes) -> bool:
        gone = Process.decode(note).is_gone(Process.me())
        if gone is not None:
            return gone
        try:
            made = os.stat(self._path).st_mtime
        except FileNotFoundError:
            return False  # nothing left to break; the next try will see
        return self._clock_offset + time.monotonic() - made > STALE_AFTER
