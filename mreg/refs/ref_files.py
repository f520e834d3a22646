"""Ref files: the mutable part of a repository, as short text files that a person can read with `cat`.

A ref has a key (`mreg.refs.keys`) and a value, a string, and remembers the journal entry that last changed it. Most
have a file to themselves; links and runs are lines of one.

The last line of every file is a trailer with the number of that entry and a checksum over key, number
and content, so that a damaged or misplaced file is noticed. A deleted ref leaves a tombstone (its trailer
or line says `deleted`). It keeps the entry number, so a writer that wakes up late can never restore an
old value, and a version number is never given twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from mreg.refs import keys, rules
from mreg.refs.journal import CHECK_LENGTH, TRIES, Change, DamagedJournal, Entry, Journal, Mark
from mreg.refs.keys import CONFIG, FOLDERS, RefKey
from mreg.storage import ABSENT, Put, PutLost, Storage, Value, unreadable
from mreg.values.canonical import parse_digits
from mreg.values.digest import digest
from mreg.values.errors import Damaged
from mreg.values.named_tuple import NamedTuple


class DamagedRef(Damaged):
    code = "damaged-ref"
    template = "ref {ref} is damaged: {reason}"

    ref: str


class Ref(NamedTuple):
    """A ref's state. value: None if it does not exist; `last` is then its value before it was deleted, None if it never
    existed. seq: the entry that changed it last, 0 if none did."""

    value: str | None
    seq: int
    last: str | None = None


NEVER = Ref(None, 0)


def left_by(change: Change, seq: int) -> Ref:
    """The ref as entry `seq`, which makes this change, leaves it."""
    return Ref(change.new, seq, change.old if change.new is None else None)


def after(entries: Iterable[Entry]) -> dict[RefKey, Ref]:
    """Every ref as these entries, the whole journal, leave it, in order of creation."""
    return {keys.parse(change.ref): left_by(change, entry.seq) for entry in entries for change in entry.changes}


FASTER = "another writer keeps changing it"


def read(storage: Storage, key: RefKey) -> Ref:
    """The ref as its file has it. Raises DamagedRef."""
    if key.lines:
        return read_table(storage, key.file).get(key.line, NEVER)
    value = _present(storage, key)
    return decode(key, value.data) if value else NEVER


def read_table(storage: Storage, file: str) -> dict[str, Ref]:
    """All lines of a file that holds many refs, by name, in the file's order. Raises DamagedRef."""
    value = _present(storage, file)
    return decode_table(file, value.data) if value else {}


def read_all(storage: Storage, file: str, refs: Iterable[RefKey]) -> dict[RefKey, Ref]:
    """The state of these refs, which are in the file, and of others that have a line in it. Raises DamagedRef."""
    if keys.holds_lines(file):
        return {keys.parse(f"{file}#{line}"): ref for line, ref in read_table(storage, file).items()}
    return {key: read(storage, key) for key in refs}


def encode_all(file: str, refs: Mapping[RefKey, Ref]) -> bytes:
    """The content of the file that holds these refs, and no other."""
    if keys.holds_lines(file):
        return encode_table(file, {key.line: ref for key, ref in refs.items()})
    return encode(file, next(iter(refs.values())))


def files(storage: Storage) -> Iterator[str]:
    """All files that hold refs."""
    yield CONFIG
    for folder in FOLDERS:
        yield from storage.list(folder)


def moved_by(storage: Storage, file: str) -> int:
    """The number of the entry that changed the file last, 0 if the file is missing. Raises DamagedRef."""
    value = _present(storage, file)
    return _unseal(file, value.data)[1] if value else 0


def require_end(storage: Storage, journal: Journal, head: Mark) -> None:
    """Raises DamagedJournal if a ref was changed by an entry after `head`: the journal has lost its last entries, and
    the applied mark with them. New entries must not reuse their numbers: refs would take them for old."""
    for file in files(storage):
        try:
            seq = moved_by(storage, file)
        except DamagedRef:
            continue
        if seq > head.seq and not journal.has(seq):
            raise DamagedJournal(seq=head.seq + 1, reason=lost_reason(file, seq))


def lost_reason(file: str, seq: int) -> str:
    return f"it is missing, but {file} was moved by entry {seq}"


def _present(storage: Storage, file: str) -> Value | None:
    try:
        return storage.get(file)
    except OSError as error:
        raise DamagedRef(ref=file, reason=unreadable(error)) from error


def apply(storage: Storage, entry: Entry) -> None:
    """Write what `entry` changed into the ref files. Applying twice, or late, changes nothing."""
    files = _by_file(entry)
    try:
        storage.put_many(put for file, refs in files.items() if (put := _due(storage, file, refs)))
    except PutLost as lost:  # the lock excludes nobody here
        storage.look_again(lost.key)
        for file, refs in files.items():
            _apply_file(storage, file, refs)


def _by_file(entry: Entry) -> dict[str, dict[RefKey, Ref]]:
    """What the entry makes of the refs of each file, in the order in which they are to be written; all lines of a file
    at once, where the first would be."""
    files: dict[str, dict[RefKey, Ref]] = {}
    for change in sorted(entry.changes, key=_place):
        key = keys.parse(change.ref)
        files.setdefault(key.file, {})[key] = left_by(change, entry.seq)
    return files


def _place(change: Change) -> int:
    """Sort key of a change: what a ref needs is created before the ref, and deleted after it."""
    rank = rules.rank(keys.parse(change.ref))
    return 9 - rank if change.new is None else rank


def _apply_file(storage: Storage, file: str, refs: Mapping[RefKey, Ref]) -> None:
    for _ in range(TRIES):
        put = _due(storage, file, refs)
        if put is None:
            return
        try:
            storage.put(*put)
            return
        except PutLost:
            storage.look_again(file)
    raise DamagedRef(ref=file, reason=FASTER)


def _due(storage: Storage, file: str, refs: Mapping[RefKey, Ref]) -> Put | None:
    """What has to be put, so that the file has these refs, or newer states of them; None where it has. Raises
    DamagedRef of a table, whose other lines would be lost."""
    present = _present(storage, file)
    expect = present.etag if present else ABSENT
    if not keys.holds_lines(file):
        [(_, new)] = refs.items()
        return None if present and _has(file, present, new) else Put(file, encode(file, new), expect)
    table = decode_table(file, present.data) if present else {}
    newer = {key.line: ref for key, ref in refs.items() if table.get(key.line, NEVER).seq < ref.seq}
    return Put(file, encode_table(file, table | newer), expect) if newer else None


def _has(file: str, present: Value, new: Ref) -> bool:
    """Whether the file has this state of its ref, or a newer one. One that is damaged has not: the journal has the
    whole value, and writing it mends the file."""
    try:
        return decode(file, present.data).seq >= new.seq
    except DamagedRef:
        return False


def encode(key: str, ref: Ref) -> bytes:
    """The content of a file that holds one ref."""
    text = ref.value if ref.value is not None else ref.last or ""
    return _seal(key, text, ref.seq, deleted=ref.value is None)


def decode(key: str, data: bytes) -> Ref:
    """Raises DamagedRef."""
    text, seq, deleted = _unseal(key, data)
    return Ref(None, seq, text) if deleted else Ref(text, seq)


def encode_table(file: str, table: dict[str, Ref]) -> bytes:
    """The content of a file that holds many refs: `<line name> <value>[ deleted] seq=N`, one per line."""
    lines = []
    for name, ref in table.items():
        state = f"{ref.last} deleted" if ref.value is None else ref.value
        lines.append(f"{name} {state} seq={ref.seq}")
    return _seal(file, "\n".join(lines), max(ref.seq for ref in table.values()), deleted=False)


def decode_table(file: str, data: bytes) -> dict[str, Ref]:
    """Raises DamagedRef."""
    text, _, _ = _unseal(file, data)
    table = {}
    for line in text.split("\n"):
        name, _, rest = line.partition(" ")
        state, _, digits = rest.rpartition(" seq=")
        seq = parse_digits(digits)
        if not (name and state) or seq is None:
            raise DamagedRef(ref=file, reason=f"it has a line {line!r}")
        dead = state.endswith(" deleted")
        last = state.removesuffix(" deleted")
        table[name] = Ref(None, seq, last) if dead else Ref(state, seq)
    if encode_table(file, table) != data:
        raise DamagedRef(ref=file, reason="it has a duplicate line, or a wrong line count")
    return table


def _seal(key: str, text: str, seq: int, *, deleted: bool) -> bytes:
    fields = f"mreg {'deleted ' if deleted else ''}seq={seq} check={_check(key, text, seq, deleted)}"
    trailer = f"<!-- {fields} -->" if key.endswith(".md") else f"# {fields}"
    return f"{text}\n{trailer}\n".encode()


def _unseal(key: str, data: bytes) -> tuple[str, int, bool]:
    """Text, entry number, and whether it is a tombstone."""
    try:
        body = data.decode("utf-8")
    except UnicodeDecodeError:
        raise DamagedRef(ref=key, reason="it is not UTF-8 text") from None
    text, _, trailer = body.removesuffix("\n").rpartition("\n")
    words = trailer.split(" ")
    deleted = "deleted" in words
    seq = parse_digits(next((word[4:] for word in words if word.startswith("seq=")), ""))
    if seq is None:
        raise DamagedRef(ref=key, reason="it is empty" if not body else "its last line was not written by mreg")
    if data != _seal(key, text, seq, deleted=deleted):
        raise DamagedRef(ref=key, reason="its checksum does not match")
    return text, seq, deleted


def _check(key: str, text: str, seq: int, deleted: bool) -> str:
    return digest(f"{key}\n{seq}\n{int(deleted)}\n{text}".encode())[:CHECK_LENGTH]
