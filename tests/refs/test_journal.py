"""The journal: numbered without gaps, chained by digests, committed by create-if-absent."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from mreg.refs.journal import (
    APPLIED,
    Change,
    DamagedJournal,
    Entry,
    Journal,
    Mark,
    MissingEntry,
    format_mark,
    key_of,
    parse_mark,
)
from mreg.repository import Repository
from mreg.storage import ABSENT, Storage
from mreg.storage.memory import MemoryStorage
from mreg.values import canonical
from mreg.values.canonical import Malformed
from mreg.values.digest import digest
from mreg.values.errors import MregError
from mreg.values.formats import NewerFormat

ORIGIN = "0123456789abcdef0123456789abcdef"
START = Mark(0, ORIGIN)
TIME = "2026-01-02T03:04:05.000006Z"


def entry(head: Mark, name: str = "own", **changes: Any) -> Entry:
    made = Entry(head.seq + 1, head.digest, name, TIME, "ann", "host", "test", (Change("aliases/m/a", None, "v0"),))
    return made._replace(**changes)


@pytest.fixture
def journal(storage: MemoryStorage) -> Journal:
    """Of four entries, applied up to the second."""
    journal = Journal(storage, ORIGIN)
    head = START
    for n in range(1, 5):
        made = entry(head, f"id {n}")
        assert journal.append(made)
        head = Mark(n, digest(made.to_bytes()))
        if n == 2:
            journal.advance(head)
    return journal


def test_entries_are_numbered_from_one_and_each_names_the_one_before(journal: Journal, storage: MemoryStorage) -> None:
    found = list(journal.after(START))

    assert [mark.seq for mark, _ in found] == [1, 2, 3, 4]
    assert [one.prev for _, one in found] == [ORIGIN, *(mark.digest for mark, _ in found[:-1])]
    assert journal.look().head == found[-1][0]
    assert list(storage.list("journal")) == [*(key_of(n) for n in range(1, 5)), APPLIED]


@pytest.mark.parametrize(
    ("seq", "key"),
    [(1, "000000/000000001"), (999, "000000/000000999"), (1000, "000001/000001000"), (123456789, "123456/123456789")],
)
def test_a_folder_holds_a_thousand_entries(seq: int, key: str) -> None:
    assert key_of(seq) == f"journal/{key}.json"


def test_an_empty_journal_starts_at_its_origin(storage: MemoryStorage) -> None:
    journal = Journal(storage, ORIGIN)

    assert (journal.look().head, journal.applied(), list(journal.after(START))) == (START, START, [])
    assert journal.raw(1) is None
    with pytest.raises(DamagedJournal, match="missing"):
        journal.entry(1)


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
changes = st.lists(
    st.builds(
        Change,
        st.from_regex(
            r"(artifacts|registered|aliases)(/[A-Za-z0-9._-]{1,9}x){2}(#v[0-9])?|runs/[a-z.]{1,9}x#[0-9a-f]{9}|config\.toml",
            fullmatch=True,
        ),
        st.none() | texts,
        st.none() | texts,
    ),
    max_size=4,
).map(tuple)


@given(
    made=st.builds(
        Entry,
        st.integers(0, 2**53),
        *[texts] * 2,
        st.datetimes().map(lambda time: time.isoformat(timespec="microseconds") + "Z"),
        *[texts] * 3,
        changes.filter(lambda found: not any(change.ref.split("/")[0] in ("tmp", "lock") for change in found)),
        st.lists(texts.map(lambda text: digest(text.encode())), max_size=2).map(tuple),
        st.lists(texts, max_size=2).map(tuple),
        format=st.just(1),
        message=st.none(),
        indexes=st.none(),
    )
)
@settings(max_examples=100, deadline=None)
def test_an_entry_is_read_as_it_was_written(made: Entry) -> None:
    assert Entry.from_bytes(made.to_bytes()) == made
    assert made.to_bytes().endswith(b"}\n")


VALUE: dict[str, Any] = json.loads(entry(START).to_bytes())


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "version"},
        {"format": 0},
        {"format": True},
        {"seq": True},
        {"seq": -1},
        {"seq": "1"},
        {"prev": None},
        {"time": "2026-01-02"},
        {"time": TIME.replace("Z", "+00:00")},
        {"time": None},
        {"who": 1},
        {"changes": None},
        {"changes": [["aliases/m/a", None]]},
        {"changes": [["aliases/m/a", None, 1]]},
        {"changes": [[1, None, "v0"]]},
        {"changes": [["../../etc/passwd", None, "v0"]]},
        {"changes": [["/etc/passwd", None, "v0"]]},
        {"changes": [["tmp/x", None, "v0"]]},
        {"changes": [["aliases/m/a\n", None, "v0"]]},
        {"changes": [["", None, "v0"]]},
        {"packs": ["../x"]},
        {"packs": [1]},
        {"drops": [1]},
        {"drops": None},
        {"more": 1},
    ],
    ids=str,
)
def test_an_entry_of_another_form_is_refused(change: dict[str, Any], storage: MemoryStorage) -> None:
    data = canonical.dumps(VALUE | change) + b"\n"

    with pytest.raises(Malformed):
        Entry.from_bytes(data)
    storage.put(key_of(1), data)
    with pytest.raises(DamagedJournal):
        list(Journal(storage, ORIGIN).after(START))


@pytest.mark.parametrize("key", ["packs/ab/cd.pack", "objects/ab/cd", "journal/applied", "other", "tmp/x"])
def test_an_entry_moves_nothing_but_refs(key: str) -> None:
    made = entry(START, changes=(Change(key, None, "v0"),))

    with pytest.raises(Malformed):
        Entry.from_bytes(made.to_bytes())


@given(
    data=st.binary(max_size=80)
    | st.dictionaries(st.sampled_from(sorted(VALUE)), texts | st.integers()).map(canonical.dumps)
)
@settings(max_examples=100, deadline=None)
def test_arbitrary_bytes_are_a_damaged_entry_and_nothing_worse(data: bytes) -> None:
    with pytest.raises(Malformed):
        Entry.from_bytes(data)


# The chain.


@pytest.mark.parametrize("seq", [1, 2, 3])
def test_an_entry_that_was_rewritten_is_seen_at_the_next(journal: Journal, storage: MemoryStorage, seq: int) -> None:
    forged = journal.entry(seq)._replace(who="eve")
    storage.put(key_of(seq), forged.to_bytes())

    with pytest.raises(DamagedJournal, match=f"does not follow entry {seq}"):
        list(journal.after(START))


def test_the_last_applied_entry_cannot_be_rewritten_unseen(journal: Journal, storage: MemoryStorage) -> None:
    journal.advance(journal.look().head)
    storage.put(key_of(4), journal.entry(4)._replace(who="eve").to_bytes())

    with pytest.raises(DamagedJournal, match="entry 4"):
        Journal(storage, ORIGIN).look()


def test_an_entry_under_another_number_is_seen(journal: Journal, storage: MemoryStorage) -> None:
    value = storage.get(key_of(2))
    assert value is not None
    storage.put(key_of(3), value.data)

    with pytest.raises(DamagedJournal, match="it claims to be entry 2"):
        list(journal.after(START))


def test_a_journal_of_another_repository_does_not_follow(journal: Journal, storage: MemoryStorage) -> None:
    other = "f" * 32

    with pytest.raises(DamagedJournal, match="does not follow entry 0"):
        list(Journal(storage, other).after(Mark(0, other)))


@pytest.mark.parametrize("seq", [1, 2, 3, 4])
def test_any_flipped_bit_of_an_entry_is_seen_or_breaks_the_chain(
    journal: Journal, storage: MemoryStorage, seq: int
) -> None:
    journal.advance(journal.look().head)
    value = storage.get(key_of(seq))
    assert value is not None
    for at in range(len(value.data)):
        storage.put(key_of(seq), value.data[:at] + bytes([value.data[at] ^ 4]) + value.data[at + 1 :])

        fresh = Journal(storage, ORIGIN)
        with pytest.raises((DamagedJournal, NewerFormat)):  # of a flipped 1, a number that there may be one day
            list(fresh.after(START))
            fresh.look()


# The applied mark.


@given(seq=st.integers(0, 10**15), name=st.binary(max_size=4).map(digest))
@settings(deadline=None)
def test_a_mark_is_read_as_it_was_written(seq: int, name: str) -> None:
    assert parse_mark(format_mark(Mark(seq, name))) == Mark(seq, name)


def test_every_flipped_bit_of_a_mark_is_seen() -> None:
    data = format_mark(Mark(1234, digest(b"x")))

    for at in range(len(data)):
        for bit in range(8):
            assert parse_mark(data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]) is None


@pytest.mark.parametrize(
    "data", [b"", b"\n", b"1\n", b"1 x\n", b"9" * 5000 + b" " + b"0" * 64 + b"\n", b"\xff" * 100, b"\xb2 x"]
)
def test_what_is_no_mark_is_none(data: bytes) -> None:
    assert parse_mark(data) is None


def test_the_mark_moves_forward_only(journal: Journal) -> None:
    marks = [mark for mark, _ in journal.after(START)]

    journal.advance(marks[3])
    journal.advance(marks[0])

    assert journal.applied() == marks[3]


@pytest.mark.parametrize("damage", [None, b"", b"garbage", b"9 " + b"0" * 64 + b"\n"])
def test_a_lost_or_garbled_mark_means_nowhere_and_is_written_anew(
    journal: Journal, storage: MemoryStorage, damage: bytes | None
) -> None:
    head = journal.look().head
    if damage is None:
        storage.delete(APPLIED)
    else:
        storage.put(APPLIED, damage)
    fresh = Journal(storage, ORIGIN)

    assert fresh.applied() == START
    assert fresh.look().head == head
    fresh.advance(head)
    assert Journal(storage, ORIGIN).applied() == head


def test_a_journal_that_lost_its_end_takes_no_new_entries(
    repo: Repository,
    storage: MemoryStorage,
    folder: Callable[..., str],
    reopen: Callable[[Storage], Repository],
    content: Callable[[Storage], dict[str, bytes]],
) -> None:
    """New entries would get the numbers of the lost ones, and ref files would take them for old."""
    repo.log(folder({"a": b"1"}), "mnist", aliases=["best"])
    repo.log(folder({"a": b"2"}), "mnist", aliases=["best"])
    storage.delete(key_of(2))
    before = content(storage)

    with pytest.raises(DamagedJournal, match="entry 2"):
        reopen(storage).set_alias("best", "mnist:v0")

    assert content(storage) == before
    assert [one.code for one in reopen(storage).fsck().findings if one.what == APPLIED] == ["applied-mark"]


@pytest.mark.parametrize("damage", [None, b"garbage"])
def test_a_repository_works_on_without_its_mark(
    damage: bytes | None,
    repo: Repository,
    storage: MemoryStorage,
    folder: Callable[..., str],
    reopen: Callable[[Storage], Repository],
) -> None:
    for n in range(3):
        repo.log(folder({"a": b"%d" % n}), "mnist", aliases=["best"])
    if damage is None:
        storage.delete(APPLIED)
    else:
        storage.put(APPLIED, damage)

    assert reopen(storage).resolve("mnist:best").number == 2
    reopen(storage).set_alias("best", "mnist:v0")

    assert reopen(storage).resolve("mnist:best").number == 0
    assert reopen(storage).fsck().findings == ()


# Appending.


def test_an_append_loses_to_a_foreign_entry_and_changes_nothing(journal: Journal, storage: MemoryStorage) -> None:
    before = storage.get(key_of(4))
    head = [mark for mark, _ in journal.after(START)][2]

    assert not journal.append(entry(head, "own"))

    assert storage.get(key_of(4)) == before
    assert not journal.owns(entry(head, "own"))


def test_an_append_that_finds_its_own_entry_has_won(journal: Journal, storage: MemoryStorage) -> None:
    own = entry(journal.look().head, "own")
    storage.put(key_of(5), own.to_bytes(), ABSENT)

    assert journal.append(own)
    assert journal.owns(own)


def test_an_entry_too_large_to_be_read_again_is_not_committed(
    repo: Repository,
    storage: MemoryStorage,
    folder: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
    content: Callable[[Storage], dict[str, bytes]],
) -> None:
    repo.log(folder({"a": b"1"}), "mnist", links=["Digits"])
    before = content(storage)
    monkeypatch.setattr(canonical, "MAX_BYTES", 2000)

    with pytest.raises(MregError, match="larger"):
        repo.set_card("Digits", "x" * 3000)

    assert content(storage) == before
    assert repo.fsck().findings == ()


def lose(storage: MemoryStorage, seq: int) -> None:
    assert storage.delete(key_of(seq))


def test_an_entry_that_is_missing_before_others_is_damage_and_not_the_end(
    journal: Journal, storage: MemoryStorage
) -> None:
    lose(storage, 3)

    with pytest.raises(MissingEntry, match="entry 3 is damaged: it is missing, but later entries exist"):
        list(journal.whole())
    with pytest.raises(MissingEntry):
        list(journal.rest(next(journal.after(START))[0]))
    with pytest.raises(MissingEntry):
        list(journal.after(START, end=4))


def test_the_journal_ends_after_the_last_entry_also_where_the_mark_is_behind(journal: Journal) -> None:
    assert [mark.seq for mark, _ in journal.whole()] == [1, 2, 3, 4]
    assert [mark.seq for mark, _ in journal.after(START, end=4)] == [1, 2, 3, 4]
