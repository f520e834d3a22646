"""Repairing what the journal is the truth about: ref files, config and applied mark; and entries of the journal
itself, from a copy. All of it under the writers' lock, and looked at again there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from itertools import takewhile

from mreg.refs import heading, keys, ref_files
from mreg.refs.journal import (
    APPLIED,
    DamagedJournal,
    Entry,
    Journal,
    Mark,
    format_mark,
    key_of,
    parse,
    parse_mark,
    seq_of,
)
from mreg.refs.keys import CONFIG, RefKey
from mreg.refs.ref_files import DamagedRef, Ref
from mreg.session import config
from mreg.session.config import DamagedConfig
from mreg.session.context import Context, has_journal
from mreg.storage import ABSENT, ANY, PutLost, Storage, unreadable
from mreg.storage.base import Expect
from mreg.upkeep import reach
from mreg.upkeep.aside import keep_aside, move_aside, put_over
from mreg.upkeep.check import Check
from mreg.upkeep.findings import Repaired
from mreg.values.digest import digest, is_hex

_ID_LENGTH = 32


def repair_refs(context: Context, check: Check, source: Context | None) -> list[Repaired]:
    """Mend what `check` found of the journal (only from a `source` that is a copy of this repository), of config,
    refs and mark, and put foreign files aside."""
    codes = {finding.code for finding in check.found}
    done: list[Repaired] = []
    with context.lock():
        if source and codes & {"journal-entry", "journal-gap", "applied-mark"}:
            done += restore_journal(context.storage, context.identity.id, source)
        if not codes & {"ref", "config", "applied-mark", "foreign-file"}:
            return done
        try:
            head, state = replay(context.storage, context.journal)
        except DamagedJournal:
            return done  # without it nobody knows what the refs are
        mends = _Mends(context.storage, context.journal, head, state)
        wrong = {keys.parse(finding.what).file for finding in check.found.of("ref", "config")}
        mark_lost = _is_damaged_mark(context.storage)
        done += mends.write(set(mends.files) if mark_lost else wrong)
        if mark_lost:
            done += mends.mark()
        done += mends.foreign([finding.what for finding in check.found.of("foreign-file")])
    return done


def replay(storage: Storage, journal: Journal) -> tuple[Mark, dict[RefKey, Ref]]:
    """The journal's end, and every ref as it leaves it, in the order of their making. Raises DamagedJournal, also
    where an entry is missing before others."""
    head = Mark(0, journal.origin)
    made = heading.as_made(journal.origin, None, _stated_format(storage))
    state: dict[RefKey, Ref] = {CONFIG: Ref(made, 0)}
    for head, entry in reach.whole_journal(journal):
        if head.seq == 1:
            state[CONFIG] = Ref(heading.as_made(journal.origin, entry, 0), 0)
        state |= ref_files.after([entry])
    applied = journal.applied()  # raises where it names an entry that is not there
    if applied.seq > head.seq:
        raise DamagedJournal(seq=head.seq + 1, reason="it is missing")
    ref_files.require_end(storage, journal, head)
    return head, state


def _stated_format(storage: Storage) -> int:
    """What the first line of config.toml says, for a repository without entries."""
    with suppress(DamagedConfig):
        data = config.read(storage)
        return config.FORMAT if data is None else config.identify(data).format
    return config.FORMAT


class _Mends:
    """Files written anew from the state that the journal leaves."""

    def __init__(self, storage: Storage, journal: Journal, head: Mark, state: dict[RefKey, Ref]) -> None:
        self._storage = storage
        self._journal = journal
        self._head = head
        self.files: dict[str, dict[RefKey, Ref]] = defaultdict(dict)
        for key, ref in state.items():
            self.files[key.file][key] = ref

    def write(self, files: set[str]) -> Iterator[Repaired]:
        """Make these files what they should be; what they held is kept aside."""
        for file in sorted(files & self.files.keys()):
            wanted = ref_files.encode_all(file, self.files[file])
            data, expect = _present(self._storage, file)
            if data == wanted:
                continue
            kept = keep_aside(self._storage, file) if data is not None else None
            with suppress(PutLost):  # by a writer whom the lock does not keep out
                if not put_over(self._storage, file, wanted, expect):
                    continue
                aside = f"; the old one is kept as {kept}" if kept else ""
                code = "config" if file == CONFIG else "ref"
                yield Repaired(code, file, f"recreated from the journal{aside}")

    def mark(self) -> Iterator[Repaired]:
        """The refs show all of the journal now: say so."""
        _, expect = _present(self._storage, APPLIED)
        with suppress(PutLost):
            if put_over(self._storage, APPLIED, format_mark(self._head), expect):
                yield Repaired("applied-mark", APPLIED, f"recreated: all entries up to {self._head.seq} are applied")

    def foreign(self, keys: list[str]) -> Iterator[Repaired]:
        """Put aside what no entry has made."""
        for key in keys:
            if key in self.files or self._journal.has(self._head.seq + 1):
                continue  # a writer whom the lock does not keep out may be making it
            place = move_aside(self._storage, key)
            if place:
                yield Repaired("foreign-file", key, f"moved to {place}")


def _is_damaged_mark(storage: Storage) -> bool:
    data, expect = _present(storage, APPLIED)
    return expect is not ABSENT and (data is None or parse_mark(data) is None)


def _present(storage: Storage, key: str) -> tuple[bytes | None, Expect | str]:
    """What is there, if it can be read, and what a `put` in its place is to expect."""
    try:
        value = storage.get(key)
    except OSError as error:
        unreadable(error)
        return None, ANY
    return (value.data, value.etag) if value else (None, ABSENT)


# The journal itself: what a copy has, where the digests prove that it is what was here.


def restore_journal(storage: Storage, origin: str, source: Context) -> list[Repaired]:
    """Put back entries that are damaged or missing from a copy of the repository `origin`. Each is taken only if its
    digest is the one that the entry after it, or the applied mark, names; or if it leads on from the last entry here to
    one that has moved all that was moved last here."""
    if source.identity.id != origin:
        return []
    found: dict[int, bytes] = {}
    for anchor in _anchors(storage):
        found |= _proven(storage, origin, source.journal, anchor)
    found |= _lost_end(storage, origin, source.journal)
    done = []
    for seq, data in sorted(found.items()):
        code = "journal-gap" if storage.stat(key_of(seq)) is None else "journal-entry"
        if put_over(storage, key_of(seq), data):
            done.append(Repaired(code, key_of(seq), f"put back from {source.location}"))
    return done


def _anchors(storage: Storage) -> Iterator[Mark]:
    """Places from which the journal can be followed to its beginning: the applied mark, and the last entry that can
    be read, taken at its word."""
    data, _ = _present(storage, APPLIED)
    mark = parse_mark(data) if data is not None else None
    if mark:
        yield mark
    for seq in sorted(filter(None, map(seq_of, storage.list("journal"))), reverse=True):
        data, _ = _present(storage, key_of(seq))
        with suppress(DamagedJournal):
            if data is not None and parse(seq, data):
                if mark is None or seq > mark.seq:
                    yield Mark(seq, digest(data))
                return


def _proven(storage: Storage, origin: str, copy: Journal, anchor: Mark) -> dict[int, bytes]:
    """The entries of the copy that take the place of those here which are not what the chain from `anchor` down says
    they were; none at all where that chain does not begin where this repository does."""
    found: dict[int, bytes] = {}
    seq, name = anchor
    while seq:
        data, _ = _present(storage, key_of(seq))
        if data is None or digest(data) != name:
            try:
                data = copy.raw(seq)
            except DamagedJournal:
                return found
            if data is None or digest(data) != name:
                return found
            found[seq] = data
        try:
            name = parse(seq, data).prev
        except DamagedJournal:
            return found
        seq -= 1
    return found if name == origin else {}


def _lost_end(storage: Storage, origin: str, copy: Journal) -> dict[int, bytes]:
    """What the copy has after the last entry here, up to the last that moved a ref here; none of it where the copy went
    another way, as then it would have moved other refs."""
    start = head = Mark(0, origin)
    with suppress(DamagedJournal):
        for head, _ in Journal(storage, origin).after(start):  # noqa: B007
            pass
        if any((seq_of(key) or 0) > head.seq for key in storage.list("journal")):
            return {}  # there is more: it is for that to prove what is missing
        moved: dict[int, list[str]] = defaultdict(list)
        for file in ref_files.files(storage):
            with suppress(DamagedRef):
                moved[ref_files.moved_by(storage, file)].append(file)
        end = max(moved, default=0)
        followed = dict(takewhile(lambda step: step[0].seq <= end, copy.after(head)))
        entries = {mark.seq: entry for mark, entry in followed.items()}
        late = [(seq, file) for seq in moved if seq > head.seq for file in moved[seq]]
        if end in entries and all(_has_moved(storage, entries[seq], file) for seq, file in late):
            return {seq: entry.to_bytes() for seq, entry in entries.items()}
    return {}


def _has_moved(storage: Storage, entry: Entry, file: str) -> bool:
    """Is the file as this entry leaves it?"""
    here = {key: ref for key, ref in ref_files.after([entry]).items() if key.file == file}
    with suppress(DamagedRef):
        return bool(here) and all(ref_files.read(storage, key) == ref for key, ref in here.items())
    return False


# Config, without which a repository is not even opened.


def rescue(storage: Storage, source: Context | None) -> list[Repaired]:
    """Make config.toml again from the journal where its first two lines, by which a repository is known, are lost.
    Does nothing where they are there, or where the journal is not whole. Raises NewerFormat."""
    if not has_journal(storage) or _is_known(storage):
        return []
    with storage.lock():
        done = restore_journal(storage, source.identity.id, source) if source else []
        origin = _origin(storage)
        if origin is None:
            return done
        journal = Journal(storage, origin)
        with suppress(DamagedJournal):
            done += _Mends(storage, journal, *replay(storage, journal)).write({CONFIG})
    return done


def _is_known(storage: Storage) -> bool:
    """Does config say which repository this is? A damaged one is believed only if the first entry says the same."""
    try:
        data = config.read(storage)
        if data is None:
            return False
        identity = config.identify(data)
    except DamagedConfig:
        return False
    try:
        config.check(data)
        return True
    except DamagedConfig:
        return _origin(storage) in (identity.id, None)


def _origin(storage: Storage) -> str | None:
    """The repository's id as its first entry has it."""
    data, _ = _present(storage, key_of(1))
    try:
        origin = parse(1, data).prev if data is not None else ""
    except DamagedJournal:
        return None
    return origin if len(origin) == _ID_LENGTH and is_hex(origin) else None
