"""Ref files: the mutable words of a repository, as short text files that a person can read with `cat`.

A ref has a key and a value (a string), and remembers the journal entry that last changed it:

    artifacts/<name>/vN               digest of the version record
    artifacts/<name>/vN.toml          annotation: message, metadata and inputs added later
    artifacts/<name>/artifact.toml    type, description
    registered/<name>/model.toml      description, tags
    registered/<name>/card.md         model card
    registered/<name>/links#vN        `<artifact>:vN <version digest>`; one line of the file `links`
    aliases/<name>/<alias>            vN
    runs/<run>#<version digest>       `<artifact>:vN`, a version that the run used; one line of the file
    config.toml                       format, repository id, settings

The last line of every file is a trailer with the number of that entry and a check sum over key, number
and content, so that a damaged or misplaced file is noticed. A deleted ref stays behind as a tombstone
(its trailer or line says `deleted`): because its entry number stays too, a writer that wakes up late can
never bring an old value back, and a version number is never given twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from mreg.refs.journal import CHECK_LENGTH, TRIES, DamagedJournal, Entry, Journal, Mark
from mreg.storage import ABSENT, PutLost, Storage, Value, unreadable
from mreg.values.canonical import parse_digits
from mreg.values.digest import digest
from mreg.values.errors import Damaged

CONFIG = "config.toml"
FOLDERS = ("artifacts", "registered", "aliases", "runs")


class DamagedRef(Damaged):
    code = "damaged-ref"
    template = "ref {ref} is damaged: {reason}"

    ref: str


class Ref(NamedTuple):
    """A ref's state. value: None where it does not exist; `last` is then what it was before its deletion,
    None where it never existed. seq: the entry that changed it last, 0 where none did."""

    value: str | None
    seq: int
    last: str | None = None


NEVER = Ref(None, 0)

FASTER = "somebody else writes it each time"


def file_of(key: str) -> str:
    """The storage key of the file that holds ref `key`."""
    return key.partition("#")[0]


def read(storage: Storage, key: str) -> Ref:
    """The ref as its file has it. Raises DamagedRef."""
    file, hash_sign, line = key.partition("#")
    if hash_sign:
        return read_table(storage, file).get(line, NEVER)
    value = _present(storage, file)
    return decode(key, value.data) if value else NEVER


def read_table(storage: Storage, file: str) -> dict[str, Ref]:
    """All lines of a file that holds many refs, in the file's order. Raises DamagedRef."""
    value = _present(storage, file)
    return decode_table(file, value.data) if value else {}


def files(storage: Storage) -> Iterator[str]:
    """All files that hold refs."""
    yield CONFIG
    for folder in FOLDERS:
        yield from storage.list(folder)


def moved_by(storage: Storage, file: str) -> int:
    """The number of the entry that changed the file last, 0 where it is not there. Raises DamagedRef."""
    value = _present(storage, file)
    return _unseal(file, value.data)[1] if value else 0


def require_end(storage: Storage, journal: Journal, head: Mark) -> None:
    """The journal has lost its last entries, and the applied mark with them, where a ref was moved by one after `head`.
    To give their numbers once more would be to lose what gets them: refs take it for old. Raises DamagedJournal."""
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
    for change in sorted(entry.changes, key=lambda change: _rank(change.ref, change.new is None)):
        new = Ref(change.new, entry.seq, change.old if change.new is None else None)
        if "#" in change.ref:
            _apply_line(storage, change.ref, new)
        else:
            _apply_file(storage, change.ref, new)


def _rank(key: str, gone: bool) -> int:
    """The place of a change in the order of applying: what a ref names exists before the ref does, and
    outlives it."""
    rank = 2 if key.startswith("aliases/") else 1 if "#" in key else 0
    return 9 - rank if gone else rank


def _apply_file(storage: Storage, key: str, new: Ref) -> None:
    for _ in range(TRIES):
        present = _present(storage, key)
        if present:
            try:
                if decode(key, present.data).seq >= new.seq:
                    return
            except DamagedRef:
                pass  # the journal has the whole value: writing it mends the file
        try:
            storage.put(key, encode(key, new), present.etag if present else ABSENT)
            return
        except PutLost:
            continue
    raise DamagedRef(ref=key, reason=FASTER)


def _apply_line(storage: Storage, key: str, new: Ref) -> None:
    file, _, line = key.partition("#")
    for _ in range(TRIES):
        present = _present(storage, file)
        table = decode_table(file, present.data) if present else {}
        if table.get(line, NEVER).seq >= new.seq:
            return
        table[line] = new
        try:
            storage.put(file, encode_table(file, table), present.etag if present else ABSENT)
            return
        except PutLost:
            continue
    raise DamagedRef(ref=file, reason=FASTER)


def encode(key: str, ref: Ref) -> bytes:
    """The content of the file of a ref that has a file of its own."""
    text = ref.value if ref.value is not None else ref.last or ""
    return _seal(key, text, ref.seq, deleted=ref.value is None)


def decode(key: str, data: bytes) -> Ref:
    """Raises DamagedRef."""
    text, seq, deleted = _unseal(key, data)
    return Ref(None, seq, text) if deleted else Ref(text, seq)


def encode_table(file: str, table: dict[str, Ref]) -> bytes:
    """The content of a file of many refs: `<line name> <value>[ deleted] seq=N`, a line each."""
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
        raise DamagedRef(ref=file, reason="it has a line twice, or another number than its lines")
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
        raise DamagedRef(ref=key, reason="it is empty" if not body else "its last line is not mreg's")
    if data != _seal(key, text, seq, deleted=deleted):
        raise DamagedRef(ref=key, reason="its check sum does not fit")
    return text, seq, deleted


def _check(key: str, text: str, seq: int, deleted: bool) -> str:
    return digest(f"{key}\n{seq}\n{int(deleted)}\n{text}".encode())[:CHECK_LENGTH]
