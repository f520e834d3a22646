"""The byte store that all of mreg reads and writes through.

A store maps keys (`mreg.storage.keys`) to byte strings. Two primitives carry every promise made above this layer:
*create-if-absent* and *compare-and-swap* of one key, both through `put`. Not every store can do the second: a `Remote`
is what one without a lock and a clock of ours can do, such as a bucket; a `Storage` can do all.

What a store guarantees:

- `put` is atomic: a reader sees the old bytes or the new, never a mixture, never a part.
- When `put` has returned, every reader sees the value, and it survives loss of power (unless the store was opened as
  not durable).
- Of many `put(key, …, ABSENT)` at once exactly one succeeds; the others raise `PutLost`. When they do, the value
  that is there survives loss of power too.
- A `put` that raised anything else changed nothing, or (after a fault of the machine) wrote the whole value.
- Unfinished work never shows up in `list`.
- A compare-and-swap (of a `Storage`) is atomic against every other one and against ABSENT. `put(ANY)` and `delete` take
  no part in that: whoever mixes them with compare-and-swap on one key holds the store's `lock` around them.
"""

from __future__ import annotations

import enum
import errno
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import BinaryIO, Final, Self

from mreg.values.errors import Conflict, Refused
from mreg.values.named_tuple import NamedTuple


class Expect(enum.Enum):
    """What `put` requires of the key's present state, where no etag is given."""

    ANY = "any"
    ABSENT = "absent"


MAX_VALUE: Final = 128 << 20
"""Bytes that `get` gives at most: more than any entry, record or ref is allowed to have."""

ANY: Final = Expect.ANY
ABSENT: Final = Expect.ABSENT


class Value(NamedTuple):
    """The bytes under a key, and the tag that names exactly these bytes for a later `put(expect=etag)`."""

    data: bytes
    etag: str


class Put(NamedTuple):
    """What `put` is given."""

    key: str
    value: bytes
    expect: Expect | str = ANY


class Stat(NamedTuple):
    """Size in bytes; `mtime` in seconds since 1970 by the store's own clock (not this machine's). change: differs when
    the value does, beside these two, as far as the store can tell."""

    size: int
    mtime: float
    change: str = ""

    @property
    def stamp(self) -> str:
        """What shows that a value may not be the one that was seen before."""
        return f"{self.size} {self.mtime!r} {self.change}"


_UNREADABLE = frozenset(
    {errno.EIO, errno.EBADMSG, errno.ENODATA, errno.EISDIR, getattr(errno, "EUCLEAN", errno.EIO)}
)  # a bad sector or check sum as ext4, XFS, btrfs and ZFS tell it; a folder in a file's place


class TooLarge(OSError):
    """A value has more than MAX_VALUE bytes: mreg did not write it. size: where the store knows it without reading."""

    def __init__(self, where: str, size: int | None = None) -> None:
        known = "" if size is None else f" ({size} bytes)"
        super().__init__(errno.EFBIG, f"it is larger than {MAX_VALUE >> 20} MiB{known}", where)


def unreadable(error: OSError) -> str:
    """What to say of a value that cannot be read because it, and not the machine, is damaged. Raises `error` where
    that is not so."""
    if isinstance(error, TooLarge):
        return error.strerror or ""
    if error.errno not in _UNREADABLE:
        raise error
    return f"it cannot be read ({error.strerror})"


class Listed(NamedTuple):
    """A key, and what `Stat` says of its value. mtime: may be rounded down to whole seconds. etag: that of its `Value`,
    where a listing tells it."""

    key: str
    size: int
    mtime: float
    etag: str = ""


class Range(NamedTuple):
    """Part of a value, in bytes."""

    key: str
    start: int
    length: int

    @property
    def end(self) -> int:
        return self.start + self.length


class PutLost(Conflict):
    """The key was not in the expected state. The only failure of `put` that callers plan for."""

    code = "put-lost"
    template = "{key} was changed by another writer"

    key: str


class LockTimeout(Conflict):
    """The writers' lock stayed taken for the whole waiting time. `holder` says who has it."""

    code = "locked"
    template = "the repository stayed locked for {seconds:g} s by {holder}"

    seconds: float
    holder: str


class Staged(ABC):
    """A value being written, invisible until it is given to `put`. Use as a context manager: leaving the
    block without a `put` throws the bytes away.

    A `put` that raised PutLost leaves it complete: it can be put again, but no longer written to. Once it
    is published or thrown away, `write` and `put` raise ValueError; once it is swept, `put` raises OSError.
    """

    @abstractmethod
    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Append all of `data`."""

    @property
    @abstractmethod
    def size(self) -> int:
        """Bytes written so far."""

    @abstractmethod
    def discard(self) -> None:
        """Throw the bytes away. Again, or after `put`: does nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.discard()


class Remote(ABC):
    """What every store can do; see the module's contract. All methods may raise `OSError` when the machine fails."""

    lists = True
    """Whether it can tell what it has. One that cannot is only read, by keys that are known."""

    @abstractmethod
    def get(self, key: str) -> Value | None:
        """The whole value, or None where there is none. For small values; see `read` for large ones.
        Raises IsADirectoryError where something that is no file has the key's name.

        Raises TooLarge where it has more than MAX_VALUE bytes. A store that knows the size first reads nothing of it:
        what somebody hostile put there costs neither memory nor time.
        """

    @abstractmethod
    def read(self, key: str, start: int, length: int) -> bytes:
        """`length` bytes from offset `start`; fewer only where the value ends.

        Raises FileNotFoundError where there is no such key.
        """

    def read_into(self, key: str, start: int, out: memoryview) -> int:
        """Fill `out` with the bytes from offset `start`; how many there were, fewer only where the value ends.

        Raises FileNotFoundError where there is no such key. A store that can do without a copy overrides this.
        """
        data = self.read(key, start, len(out))
        out[: len(data)] = data
        return len(data)

    @abstractmethod
    def stat(self, key: str) -> Stat | None:
        """Size and age, or None where there is no such key."""

    @abstractmethod
    def listing(self, prefix: str, after: str = "") -> Iterator[Listed]:
        """All keys that lie below the folder `prefix` (no slash at its end; "" for all) and sort behind `after`, in
        order, with size and age."""

    def list(self, prefix: str) -> Iterator[str]:
        """The same keys, by themselves."""
        return (found.key for found in self.listing(prefix))

    @abstractmethod
    def put(self, key: str, value: bytes, expect: Expect = ANY) -> str | None:
        """Publish `value` under `key`; its etag, where the store tells that.

        expect: ANY or ABSENT. Raises PutLost where the key is not in the expected state.
        """

    def send(self, key: str, file: BinaryIO) -> None:
        """Publish what is left to read in `file`. A store that need not hold it in memory overrides this."""
        self.put(key, file.read())

    def renew(self, key: str) -> bool:
        """Make its time the store's now; False where there is no such key."""
        present = self.get(key)
        if present is not None:
            self.put(key, present.data)
        return present is not None

    @abstractmethod
    def delete(self, key: str) -> bool | None:
        """Remove the key; False where there was none, None where the store does not tell. As durable as `put` once it
        has returned."""

    def sweep(self, older_than: float, *, dry_run: bool = False) -> int:
        """Remove unfinished work that was last touched more than `older_than` seconds ago, or whose process is known
        to be gone; the bytes given back. dry_run: remove nothing, tell what that would be, by this machine's clock.
        A store in which nothing unfinished can be seen has none."""
        return 0


class Storage(Remote):
    """A store that can also compare and swap, stage large values, and lock. See the module's contract."""

    pack_size = 0
    """Bytes of the packs that a log writes, where it does not write one of all: what is sent over a network is sent in
    parts, while the next is made, and tried again part by part."""

    is_steady = False
    """Whether what was published stays as it was until an entry drops it, so that it need not be looked at again before
    something new rests on it: an object store keeps copies and check sums of its own."""

    is_own = False
    """Whether the ref files are this user's own copy, which readers too bring up to date."""

    def doubt(self) -> None:
        """Forget all that is a copy of what lies elsewhere: somebody looks for damage."""

    def begin(self) -> None:
        """An operation begins: forget what was remembered to spare requests. What was seen since the beginning of an
        operation may be used until its end, as it may have taken place at any moment between."""

    def will_read(self, ranges: Callable[[], Iterable[Range]]) -> None:
        """These ranges will be read, in about this order. A store whose answers take long asks for them ahead."""

    def look_again(self, key: str) -> None:
        """Forget that the key was missing. A client of a network file system remembers that for a while, so "not there"
        is no knowledge: who knows better asks once more after this call."""

    @abstractmethod
    def list(self, prefix: str) -> Iterator[str]:
        """All keys that lie below the folder `prefix` (no slash at its end; "" for all), sorted."""

    def listing(self, prefix: str, after: str = "") -> Iterator[Listed]:
        """See `Remote`. A store that can tell size and age without looking at each key overrides this."""
        keys = self.list(prefix)
        found = ((key, self.stat(key)) for key in keys if key > after)
        return (Listed(key, stat.size, stat.mtime) for key, stat in found if stat is not None)

    def names(self, prefix: str) -> Iterator[str]:
        """The names directly below the folder `prefix` that lead to keys, each once. A store that can tell them without
        looking at all keys overrides this."""
        last = None
        for key in self.list(prefix):
            name = key[len(prefix) + 1 :].partition("/")[0]
            if name != last:
                yield name
            last = name

    def condense(self, seq: int) -> None:
        """Have new clients read the journal up to entry `seq`, which is the last, faster than entry by entry. A store
        where that costs little does nothing."""

    @abstractmethod
    def stage(self) -> Staged:
        """Begin a value too large to be held in memory."""

    @abstractmethod
    def put(self, key: str, value: bytes | Staged, expect: Expect | str = ANY) -> str | None:
        """Publish `value` under `key`; see `Remote`.

        expect: ANY, ABSENT, or the etag that the present value must have.
        Raises PutLost where the key is not in the expected state (a missing key matches no etag).
        With an etag, a store that compares under its lock may also raise LockTimeout.
        """

    def put_many(self, puts: Iterable[Put]) -> None:
        """Publish these values in this order, each as `put` does; what follows a PutLost is not published. All are
        durable when this returns. A store that can flush many at once overrides this."""
        for key, value, expect in puts:
            self.put(key, value, expect)

    @abstractmethod
    def touch(self, key: str) -> bool:
        """Make the value's `mtime` now; False where there is no such key."""

    @abstractmethod
    def delete(self, key: str) -> bool:
        """See `Remote`."""

    @abstractmethod
    def lock(self, timeout: float = 30.0) -> AbstractContextManager[None]:
        """Hold the store's one advisory lock for the block; re-entrant within a thread.

        Reduces contention among writers. Correctness of create-if-absent never rests on it.
        Raises LockTimeout after `timeout` seconds, naming the holder.
        """

    def share(self) -> None:
        """From now on, let the group of the store's folder change all that is made, whatever the umask is."""

    def open_to_group(self) -> Iterator[str]:
        """Give the group its rights to what is there already; where that belongs to others, its name is yielded."""
        return iter(())

    def unfinished(self) -> int:
        """Bytes of all unfinished work, whoever does it; 0 where that cannot be told."""
        try:
            return self.sweep(-math.inf, dry_run=True)
        except (OSError, Refused):
            return 0

    @abstractmethod
    def sweep(self, older_than: float, *, dry_run: bool = False) -> int:
        """As of a `Remote`."""


def get_known(storage: Storage, key: str) -> Value | None:
    """The value of a key that is known to exist; None where it is lost."""
    value = storage.get(key)
    if value is None:
        storage.look_again(key)
        value = storage.get(key)
    return value


def get_readable(storage: Remote, key: str) -> Value | None:
    """The value, or None where there is none or it is damaged such that it cannot be read: for what can be done
    without."""
    try:
        return storage.get(key)
    except OSError as error:
        unreadable(error)
        return None


def stat_known(storage: Storage, key: str) -> Stat | None:
    """Size and age of a key that is known to exist; None where it is lost."""
    found = storage.stat(key)
    if found is None:
        storage.look_again(key)
        found = storage.stat(key)
    return found
