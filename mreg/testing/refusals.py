"""System calls that answer as no local disk does, and what must come of it.

Network file systems, FUSE, folders shared with a virtual machine and containers refuse calls that they do not have,
with whatever error their authors thought of. `CALLS` lists every function by which mreg talks to a file system.
Those that it can do without are `dispensable`: each with answers that mean no more than "not here", which must not
keep any command from its work. All others are needed: whatever they answer, a command either does its work or says
what failed, and leaves nothing behind.

    with refused(CALLS["link"], errno.EPERM):
        repository.log(...)  # works
"""

from __future__ import annotations

import errno
import importlib
import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from mreg.storage.posix import ENOTSUPP
from mreg.values.named_tuple import NamedTuple

_NOT_HERE = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTTY, ENOTSUPP)
_NOT_YOU = (errno.EPERM, errno.EACCES)


class SystemCall(NamedTuple):
    """module, name: where Python code finds it. answers: the errors that are no reason to give up; none where the call
    is needed. folders: whether only calls for folders are meant, or only those for others; None: all."""

    module: str
    name: str
    answers: tuple[int, ...] = ()
    folders: bool | None = None

    @property
    def dispensable(self) -> bool:
        return bool(self.answers)


_DISPENSABLE = {
    "fsync of a folder": SystemCall("os", "fsync", (*_NOT_HERE, errno.EBADF, errno.EISDIR), folders=True),
    "syncfs": SystemCall("mreg.storage.libc", "syncfs", (*_NOT_HERE, *_NOT_YOU, errno.EBADF)),
    "fallocate": SystemCall("mreg.storage.libc", "reserve", (*_NOT_HERE, *_NOT_YOU, errno.ENOSPC, errno.EIO)),
    "flock": SystemCall("fcntl", "flock", (*_NOT_HERE, *_NOT_YOU, errno.EBADF, errno.ENOLCK, errno.EIO)),
    "link": SystemCall("os", "link", (*_NOT_HERE, *_NOT_YOU, errno.EBADF, errno.EMLINK, errno.EXDEV)),
    "chmod": SystemCall("os", "chmod", (*_NOT_HERE, *_NOT_YOU, errno.EBADF)),
    "utime": SystemCall("os", "utime", (*_NOT_HERE, *_NOT_YOU, errno.EBADF)),
    "statvfs": SystemCall("os", "statvfs", (*_NOT_HERE, *_NOT_YOU, errno.EBADF, errno.EIO)),
    "kill": SystemCall("os", "kill", (*_NOT_HERE, *_NOT_YOU)),
    "ftruncate": SystemCall("os", "ftruncate", (*_NOT_HERE, *_NOT_YOU, errno.ENOSPC, errno.EIO)),
    "pwrite": SystemCall("os", "pwrite", (*_NOT_HERE, *_NOT_YOU, errno.ENOSPC, errno.EIO)),
    "readlink": SystemCall("os", "readlink", (*_NOT_HERE, *_NOT_YOU)),
}

_PLAIN = """
access chown close dup fstat listdir lseek lstat mkdir open pread preadv read readv rename replace rmdir
scandir stat unlink walk write
"""

_NEEDED = {
    "fsync of a file": SystemCall("os", "fsync", folders=False),
    "rename without replacing": SystemCall("mreg.storage.libc", "rename_new"),
    **{name: SystemCall("os", name) for name in _PLAIN.split()},
}

CALLS: dict[str, SystemCall] = _DISPENSABLE | _NEEDED


@contextmanager
def refused(call: SystemCall, *errors: int, below: str | os.PathLike[str] | None = None) -> Iterator[list[str]]:
    """For the block, let `call` fail in all threads of this process, with one of `errors` after the other, over and
    over; yields what it was asked for.

    below: only for paths in this folder, and files that were opened there (told by /proc).
    """
    module = importlib.import_module(call.module)
    real: Callable[..., Any] = getattr(module, call.name)
    asked: list[str] = []

    def answer(*arguments: Any, **named: Any) -> Any:
        about = [_path_of(one) for one in arguments[:2] if isinstance(one, int | str | bytes | os.PathLike)]
        if _is_meant(call, arguments) and (below is None or any(_is_below(path, below) for path in about)):
            error = errors[len(asked) % len(errors)]
            asked.append(", ".join(about))
            raise OSError(error, os.strerror(error), *(one for one in arguments[:1] if not isinstance(one, int)))
        return real(*arguments, **named)

    setattr(module, call.name, answer)
    try:
        yield asked
    finally:
        setattr(module, call.name, real)


_fstat, _readlink = os.fstat, os.readlink  # as they are without any refusal


def _is_meant(call: SystemCall, arguments: tuple[Any, ...]) -> bool:
    return call.folders is None or stat.S_ISDIR(_fstat(arguments[0]).st_mode) == call.folders


def _is_below(path: str, folder: str | os.PathLike[str]) -> bool:
    return os.path.join(os.path.abspath(path), "").startswith(os.path.join(os.path.abspath(folder), ""))


def _path_of(argument: int | str | bytes | os.PathLike[Any]) -> str:
    if not isinstance(argument, int):
        return os.fsdecode(argument)
    try:
        return _readlink(f"/proc/self/fd/{argument}") if sys.platform == "linux" else ""
    except OSError:
        return ""
