"""A repository in a bucket, as a client sees it: what is large or shared lies there, what a client can make again by
itself lies in its cache.

    in the bucket    config.toml (as init wrote it), journal/, objects/, packs/, and lost-found/ of repairs
    in the replica   config.toml, the other ref files, journal/applied, and the entries and records that were read

The code that keeps a folder keeps the replica too: entries are applied to its ref files as anywhere else. It is shared
by the processes of this machine, under a lock of its own, and can be deleted at any time. Nothing rests on that lock:
the one thing that writers elsewhere compete for is the next entry, which the bucket lets one of them create.

Asking whether there is a next entry is the only request that a question about names costs. That the bucket still holds
the journal that the replica was made from is seen by its last entry (`last_entry`): before each commit, and every five
minutes. A commit asks for both at once, by listing the journal from its last entry on.
"""

from __future__ import annotations

import os
import random
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

from mreg.content import objects
from mreg.refs.journal import APPLIED, Entry, Mark, key_of, parse, parse_mark, seq_of
from mreg.refs.keys import CONFIG
from mreg.session import first_refs, made_config, pack_indexes, segments
from mreg.session.last_entry import LastEntry
from mreg.session.seen import Seen
from mreg.storage.base import (
    ABSENT,
    ANY,
    Expect,
    Listed,
    PutLost,
    Range,
    Remote,
    Staged,
    Stat,
    Storage,
    Value,
    get_readable,
    unreadable,
)
from mreg.storage.packed_folder import PackedFolder
from mreg.storage.read_ahead import ReadAhead
from mreg.storage.read_plan import ReadPlan
from mreg.storage.staged import LocalStaged
from mreg.values.digest import digest
from mreg.values.errors import Conflict, MregError

_FAR = ("objects/", "packs/", "lost-found/")
_DERIVED = segments.FOLDER.partition("/")[0]
CHECK_EVERY = 300.0
AT_ONCE = 8
"""Entries fetched at the same time."""

_SMALL = 256 << 10
"""Bytes of a record that is kept."""

FIRST_PAUSE, LONGEST_PAUSE = 0.05, 2.0
"""Seconds that a writer waits when another was faster: the longer, the more often that happens."""


class Replaced(Conflict):
    code = "repository-replaced"
    template = "the repository at {location} is a different one than before"

    location: str


class Replica(Storage):
    """The storage of a repository in the bucket `remote`, whose replica is in `folder`. location: for people."""

    def __init__(self, remote: Remote, folder: str, location: str) -> None:
        self.remote = remote
        self.lists = remote.lists
        self._folder = folder
        self._location = location
        self._local = PackedFolder(os.path.join(folder, "local"), durable=False)
        self._last = LastEntry(remote, os.path.join(folder, "checked"))
        self._segments = segments.Segments(remote, os.path.join(folder, "segments"))
        self._doubts = False  # is nothing believed but the journal itself?
        self._writers = 0  # that hold the lock
        self._ahead = ReadAhead(remote)
        self._plan = ReadPlan(remote)
        self._seen = Seen()
        self._config: Value | None = None
        self._run = 0  # entries found one after the other
        self._losses = 0  # commits that others were faster with, one after the other
        try:
            self._local.check()
        except OSError:  # cut off, by other hands
            self.forget()

    def __repr__(self) -> str:
        return f"Replica({self._location!r})"

    is_own = True
    is_steady = True
    pack_size = 32 << 20

    # Reading.

    def doubt(self) -> None:
        self._doubts = True
        self.begin()
        self.forget()

    def begin(self) -> None:
        self._seen = Seen()
        self._ahead = ReadAhead(self.remote)
        self._plan.close()
        self._plan = ReadPlan(self.remote)

    def get(self, key: str) -> Value | None:
        if key.startswith(f"{_DERIVED}/"):
            return self.remote.get(key)
        if _is_far(key):
            return self._seen.value(key, self._record)
        if data := self._segments.at_hand(seq_of(key)):
            return Value(data, "")
        value = self._local.get(key)
        if value is None and key == APPLIED and self._fill():
            value = self._local.get(key)
        if value is not None or not _is_shared(key):
            return value
        if key == CONFIG:
            return self._first_config()
        data = self._segments.get(seq_of(key) or 1)
        return self._entry(key) if data is None else Value(data, "")

    def read(self, key: str, start: int, length: int) -> bytes:
        if start < 0 or length < 0:
            raise ValueError(f"no such range: {length} bytes from {start}")
        if not _is_far(key):
            return self._local.read(key, start, length)
        planned = self._plan.read(key, start, length)
        return self._ahead.read(key, start, length) if planned is None else planned

    def will_read(self, ranges: Callable[[], Iterable[Range]]) -> None:
        """What was read with the end of a small pack is not fetched again."""
        self._plan.announce(one for one in ranges() if not self._ahead.has(one))

    def stat(self, key: str) -> Stat | None:
        if _is_far(key) or (_is_shared(key) and key not in self._seen.missing):
            known = seq_of(key) is not None and self._local.stat(key) is not None
            return self._seen.stat(key, self._listed_stat if known else self.remote.stat)
        return self._local.stat(key)

    def _listed_stat(self, key: str) -> Stat | None:
        """Of an entry that is known: who asks for the age of one asks for that of others, as a gc does."""
        found = {one.key: Stat(one.size, one.mtime, one.etag) for one in self.remote.listing(key.rpartition("/")[0])}
        self._seen.stats |= found
        return found.get(key)

    def look_again(self, key: str) -> None:
        """Something is missing that should be there: what the operation has seen until now is not to be relied upon."""
        if key == APPLIED:  # nobody else makes it
            return
        self._seen.missing.clear()
        self._seen.forget(key)

    def list(self, prefix: str) -> Iterator[str]:
        return (found.key for found in self.listing(prefix))

    def listing(self, prefix: str, after: str = "") -> Iterator[Listed]:
        if prefix.partition("/")[0] == _DERIVED:
            return self.remote.listing(prefix, after) if self.remote.lists else iter(())
        if prefix and (_is_far(f"{prefix}/") or f"{prefix}/".startswith("journal/")):
            far = self.remote.listing(prefix, after)
            return self._with_mark(far, prefix, after)
        if prefix:
            return self._local.listing(prefix, after)
        shared = (found for found in self.remote.listing("", after) if _is_far(found.key) or _is_shared(found.key))
        local = self._local.listing("", after)
        own = (found for found in local if not (_is_shared(found.key) or _is_far(found.key)))
        return iter(sorted([*shared, *own]))

    def names(self, prefix: str) -> Iterator[str]:
        return super().names(prefix) if _is_far(f"{prefix}/") or prefix == "journal" else self._local.names(prefix)

    def _with_mark(self, far: Iterator[Listed], prefix: str, after: str) -> Iterator[Listed]:
        yield from (found for found in far if found.key != APPLIED)
        stat = self._local.stat(APPLIED) if prefix == "journal" and after < APPLIED else None
        if stat is not None:  # sorts behind all entries
            yield Listed(APPLIED, stat.size, stat.mtime)

    # Writing.

    def put(self, key: str, value: bytes | Staged, expect: Expect | str = ANY) -> None:
        if key.startswith(f"{_DERIVED}/") and isinstance(value, bytes):
            self.remote.put(key, value)
            return
        if _is_far(key):
            self._send(key, value)
        elif isinstance(value, Staged) or not _is_shared(key):
            self._local.put(key, value, expect)
        elif key == CONFIG:
            self._put_config(value, expect)
        else:
            self._put_entry(key, value)

    def stage(self) -> LocalStaged:
        return self._local.stage()

    def touch(self, key: str) -> bool:
        """Of the config, which shows the bucket's clock then. What else lies there keeps its age: what a gc elsewhere
        drops meanwhile is noticed at the commit."""
        if key == CONFIG:
            self._seen.stats.pop(key, None)
            return self.remote.renew(key)
        return self.stat(key) is not None

    def delete(self, key: str) -> bool:
        if key.startswith(f"{_DERIVED}/"):
            return self.remote.delete(key) is not False
        if not _is_far(key):
            return self._local.delete(key)
        self._seen.forget(key)
        self._local.delete(key)
        return self.remote.delete(key) is not False

    @contextmanager
    def lock(self, timeout: float = 30.0) -> Iterator[None]:
        with self._local.lock(timeout):
            self._writers += 1
            self._seen.checked = False
            try:
                yield
            finally:
                self._writers -= 1

    def sweep(self, older_than: float, *, dry_run: bool = False) -> int:
        return sum(one.sweep(older_than, dry_run=dry_run) for one in (self._local, self.remote))

    def _send(self, key: str, value: bytes | Staged) -> None:
        """Without a condition: the names of packs are random, and those of records tell their bytes."""
        self._ahead.forget(key)
        if isinstance(value, bytes):
            self.remote.put(key, value)
            self._seen.keep(key, Value(value, ""))
            self._seen.stats[key] = Stat(len(value), time.time())
            self._keep_record(key, value)
        elif isinstance(value, LocalStaged):
            value.seal(durable=False)
            with open(value.path, "rb") as file:
                self.remote.send(key, file)
            self._seen.stats[key] = Stat(value.size, time.time())
            value.published()
        else:
            raise TypeError(f"not staged by this store: {value!r}")

    def _record(self, key: str) -> Value | None:
        """The value of a key in the bucket. Records are kept here, and verified by their names when they are used."""
        kept = get_readable(self._local, key)
        if kept is not None and digest(kept.data) == objects.name_of(key):
            return kept
        found = self.remote.get(key)
        if found is not None:
            self._keep_record(key, found.data)
        return found

    def _keep_record(self, key: str, data: bytes) -> None:
        if len(data) <= _SMALL and digest(data) == objects.name_of(key):
            with suppress(OSError):
                self._local.put(key, data)

    def forget(self) -> None:
        """Start over with nothing."""
        old = f"{self._folder}.old"
        shutil.rmtree(old, ignore_errors=True)
        try:
            os.rename(self._folder, old)  # all of it at once: a part would claim to be whole
        except OSError:
            old = self._folder
        shutil.rmtree(old, ignore_errors=True)
        self._config = None
        self._segments.forget()

    # The journal.

    def _put_config(self, value: bytes, expect: Expect | str) -> None:
        """Created by init; what a commit makes of it later is the replica's own."""
        if self._doubts:
            self._mend_config()
            self._local.put(CONFIG, value)
        elif expect is ABSENT:
            self.remote.put(CONFIG, value, ABSENT)
        else:
            self._first_config()
            self._local.put(CONFIG, value)  # the replica's lock is held

    def _put_entry(self, key: str, value: bytes) -> None:
        if self._local.stat(key) is not None or self._segments.get(seq_of(key) or 1) is not None:
            raise PutLost(key=key)  # read from the bucket before, so it is there
        self._check()
        try:
            etag = self.remote.put(key, value, ABSENT)
        except PutLost:
            self._seen.missing.discard(key)
            time.sleep(random.uniform(0.5, 1.0) * min(LONGEST_PAUSE, FIRST_PAUSE * 2**self._losses))
            self._losses += 1
            raise
        self._losses = 0
        mark = Mark(seq_of(key) or 0, digest(value))
        self._seen.missing.discard(key)
        self._seen.missing.add(key_of(mark.seq + 1))
        self._keep(key, value)
        self._last.note(mark, etag)
        if mark.seq % segments.EVERY == 0:
            self._condense(mark.seq)

    def condense(self, seq: int) -> None:
        self._segments.complete(seq, self._known_entry)
        self._condense(seq)

    def _condense(self, seq: int) -> None:
        self._segments.write(seq, self._known_entry)
        pack_indexes.collect(self.remote, self._known_entries, seq)

    def _known_entries(self, first: int, last: int) -> Iterator[Entry]:
        found = ((seq, self._known_entry(seq)) for seq in range(first, last + 1))
        return (parse(seq, data) for seq, data in found if data)

    def _known_entry(self, seq: int) -> bytes | None:
        kept = get_readable(self._local, key_of(seq))
        return kept.data if kept else self._segments.get(seq)

    def _first_config(self) -> Value | None:
        """The config as init wrote it. Kept with the first entry that is applied: before that, nothing would show that
        another repository has taken this one's place."""
        applied = self._local.stat(APPLIED) is not None
        if self._config is None and not self._doubts:
            if not applied:
                self._first_contact()
            self._config = self._told_config()
        self._config = self._config or self.remote.get(CONFIG)
        if applied and self._config:
            self._keep(CONFIG, self._config.data)
        return self._config

    def _first_contact(self) -> None:
        shutil.rmtree(os.path.join(self._folder, "refs"), ignore_errors=True)  # of earlier releases
        if last := self._segments.fetch():
            self._last.note(*last)

    def _fill(self) -> bool:
        """Nothing was applied yet: have the refs as the segments of the journal leave them, if these were fetched."""
        if self._segments.last is None or self._doubts:
            return False
        if self._segments.last.seq == segments.ENTRIES:
            key = key_of(segments.ENTRIES + 1)
            if self._fetched_ahead(key) is None:
                self._seen.missing.add(key)
            elif last := self._segments.fetch(1):
                self._last.note(*last)
        config = self._told_config()
        return config is not None and first_refs.fill(self._local, self._segments, config.data)

    def _told_config(self) -> Value | None:
        """The same, as the first entry in a segment of the journal tells it: one request less."""
        data = self._segments.get(1)
        return None if data is None else made_config.as_made(data)

    def _mend_config(self) -> None:
        """Where the bucket's does not say which repository it is, write what init wrote."""
        found, first = get_readable(self.remote, CONFIG), self.get(key_of(1))
        if first is not None and not (found and made_config.is_config(found.data)):
            self._config = made_config.as_made(first.data)
            self.remote.put(CONFIG, self._config.data)

    def _entry(self, key: str) -> Value | None:
        """An entry that the replica has not. Where several are new, those that follow are fetched at once."""
        seen = self._seen
        if key in seen.missing:
            return None
        mark = self._mark()
        if self._writers and self.remote.lists and not seen.checked and mark and key == key_of(mark.seq + 1):
            return self._first_of_new(mark, key)
        self._check(CHECK_EVERY)
        value = self._fetched(key)
        if value is None:
            seen.missing.add(key)
        elif (
            (number := segments.begun_by(seq_of(key) or 1))
            and not self._doubts
            and (last := self._segments.fetch(number))
        ):
            self._last.note(*last)
            return value
        self._run = self._run + 1 if value else 0
        if self._run == 2 and not self.remote.lists:
            self._fetch_on(key)
        elif self._run == 2:
            self._fetch_all(found.key for found in self.remote.listing("journal", key) if seq_of(found.key))
        return value

    def _first_of_new(self, mark: Mark, key: str) -> Value | None:
        """Of the entries beyond the mark, all of which are fetched, the first; None where there is none. What tells
        them tells too that the mark's is still there: a commit follows."""
        before = key_of(mark.seq - 1) if mark.seq > 1 else "journal/"
        found = [one for one in self.remote.listing("journal", before) if seq_of(one.key)]
        self._confirm(mark, found[0] if found else None)
        new = [one.key for one in found[1:]]
        self._seen.missing.add(key_of(mark.seq + len(new) + 1))
        if not new:
            return None
        self._fetch_all(new)
        return self._local.get(key) or self._fetched(key)

    def _fetch_on(self, key: str) -> None:
        """The entries that follow, of a store that tells no names: until one is missing, or is no entry. There are
        servers that answer every request with the same page."""
        seq = seq_of(key) or 0
        with ThreadPoolExecutor(AT_ONCE) as pool:
            while True:
                keys = [key_of(seq + ahead) for ahead in range(1, AT_ONCE + 1)]
                values = list(pool.map(self._fetched_ahead, keys))
                if not all(value and _is_entry(key, value.data) for key, value in zip(keys, values, strict=True)):
                    return
                seq += AT_ONCE

    def _fetch_all(self, keys: Iterable[str]) -> None:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(self._fetched_ahead, keys))

    def _fetched(self, key: str) -> Value | None:
        """What is no entry is not kept: it would stay here after it was put right there."""
        value = self.remote.get(key)
        if value is not None and _is_entry(key, value.data):
            self._keep(key, value.data)
        return value

    def _fetched_ahead(self, key: str) -> Value | None:
        """One that nobody has asked for: whoever does is told what is wrong with it."""
        try:
            return self._fetched(key)
        except OSError as error:
            unreadable(error)
            return None

    def _keep(self, key: str, data: bytes) -> None:
        with suppress(PutLost, OSError):  # a full cache costs requests, and nothing else
            self._local.put(key, data, ABSENT)

    def _mark(self) -> Mark | None:
        """Up to where entries were applied."""
        last = get_readable(self._local, APPLIED)
        mark = parse_mark(last.data) if last else None
        return mark if mark and mark.seq else None

    def _check(self, age: float = 0.0) -> None:
        """See that the last entry known is in the bucket, unless that was seen less than `age` seconds ago. Raises
        Replaced."""
        mark = self._mark()
        if mark and not self._seen.checked and self._last.seconds >= age:
            self._confirm(mark, None)

    def _confirm(self, mark: Mark, listed: Listed | None) -> None:
        """listed: what a listing has in its place. Raises Replaced."""
        if not self._last.is_there(mark, listed):
            self.forget()
            raise Replaced(location=self._location)
        self._seen.checked = True


def _is_far(key: str) -> bool:
    return key.startswith(_FAR)


def _is_entry(key: str, data: bytes) -> bool:
    try:
        parse(seq_of(key) or 0, data)
    except MregError:
        return False
    return True


def _is_shared(key: str) -> bool:
    """Is it in the bucket, and kept here when it was read?"""
    return key == CONFIG or seq_of(key) is not None
