"""An entry that changes many refs: how often it flushes, and what is there wherever its writer dies."""

from __future__ import annotations

import errno
import importlib
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from mreg.refs import ref_files
from mreg.refs.journal import Change, Entry
from mreg.refs.keys import parse
from mreg.storage import PutLost
from mreg.storage.flush import MANY
from mreg.storage.local import LocalStorage
from mreg.storage.memory import MemoryStorage
from mreg.testing.faults import Crash
from mreg.testing.refusals import CALLS, SystemCall, refused

VERSION = "ab" * 32
CHANGING = ["fsync", "syncfs", "open", "write", "close", "link", "rename", "unlink", "mkdir"]


def _entry(seq: int, *changes: tuple[str, str | None, str | None]) -> Entry:
    made = tuple(Change(*change) for change in changes)
    return Entry(seq=seq, prev="00" * 32, id="0" * 32, time="2026-01-02T03:04:05.000006Z", who="ann", host="alpha",
                 command="test", changes=made, packs=(), drops=())  # fmt: skip


def _aliases(count: int) -> list[tuple[str, str | None, str | None]]:
    return [(f"aliases/mnist/a{number}", None, "v0") for number in range(count)]


def _first() -> Entry:
    """Refs of several kinds, in several folders, not all of which exist."""
    return _entry(
        1,
        ("artifacts/mnist/v0", None, VERSION),
        ("registered/Digits/links#v0", None, f"mnist:v0 {VERSION}"),
        ("registered/Digits/card.md", None, "words"),
        *_aliases(MANY),
        *((f"aliases/b{number}/best", None, "v0") for number in range(3)),
    )


def _second() -> Entry:
    """Some refs move, some are deleted, some are new."""
    moved = [(f"aliases/mnist/a{number}", "v0", "v1") for number in range(MANY // 2)]
    deleted = [(f"aliases/mnist/a{number}", "v0", None) for number in range(MANY // 2, MANY)]
    return _entry(
        2,
        ("artifacts/mnist/v1", None, VERSION),
        ("registered/Digits/links#v0", f"mnist:v0 {VERSION}", None),
        ("registered/Digits/links#v1", None, f"mnist:v1 {VERSION}"),
        *moved,
        *deleted,
    )


@contextmanager
def _watched(told: Callable[[str, tuple[Any, ...]], None]) -> Iterator[None]:
    """For the block, `told` hears of each call that changes a file system, before it is made; it may raise."""
    with ExitStack() as stack:
        for name in CHANGING:
            place = "mreg.storage.libc" if name == "syncfs" else "os"
            stack.enter_context(_replaced(SystemCall(place, name), told))
        yield


@contextmanager
def _replaced(call: SystemCall, told: Callable[[str, tuple[Any, ...]], None]) -> Iterator[None]:
    module = importlib.import_module(call.module)
    real = getattr(module, call.name)

    def answer(*arguments: Any, **named: Any) -> Any:
        told(call.name, arguments)
        return real(*arguments, **named)

    setattr(module, call.name, answer)
    try:
        yield
    finally:
        setattr(module, call.name, real)


def _calls(storage: LocalStorage, entry: Entry) -> list[str]:
    made: list[str] = []
    with _watched(lambda name, _: made.append(name)):
        ref_files.apply(storage, entry)
    return made


def _refs(storage: LocalStorage | MemoryStorage, *entries: Entry) -> dict[str, ref_files.Ref]:
    names = {change.ref for entry in entries for change in entry.changes}
    return {name: ref_files.read(storage, parse(name)) for name in sorted(names)}


def _flushes(calls: list[str]) -> int:
    counted = Counter(calls)
    return counted["fsync"] + counted["syncfs"]


@pytest.mark.parametrize("kind", ["one folder", "many folders"])
def test_an_entry_of_many_refs_flushes_no_more_often_than_one_of_some(tmp_path: Path, kind: str) -> None:
    def flushes(count: int) -> int:
        storage = LocalStorage(tmp_path / f"{count}")
        names = [f"mnist/a{number}" if kind == "one folder" else f"b{number}/best" for number in range(count)]
        return _flushes(_calls(storage, _entry(1, *((f"aliases/{name}", None, "v0") for name in names))))

    some, many = flushes(2 * MANY), flushes(8 * MANY)

    assert many == some <= 8


@pytest.mark.parametrize("count", [1, 3])
def test_a_small_entry_makes_the_calls_that_single_puts_make(tmp_path: Path, count: int) -> None:
    entry = _entry(1, *_aliases(count))
    single = LocalStorage(tmp_path / "single")
    made: list[str] = []
    with _watched(lambda name, _: made.append(name)):
        for change in entry.changes:
            key = parse(change.ref)
            single.get(key)
            single.put(key, ref_files.encode(key, ref_files.left_by(change, 1)), ref_files.ABSENT)

    calls = _calls(LocalStorage(tmp_path / "applied"), entry)

    assert Counter(calls) == Counter(made)


def test_all_values_are_flushed_before_the_first_name_and_all_names_at_the_end(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path)
    ref_files.apply(storage, _first())

    calls = [call for call in _calls(storage, _second()) if call in ("write", "syncfs", "link", "rename", "fsync")]

    names = [place for place, call in enumerate(calls) if call in ("link", "rename")]
    assert set(calls[: names[0]]) == {"write", "syncfs"} and calls[names[0] - 1] == "syncfs"
    assert set(calls[names[0] : names[-1] + 1]) == {"link", "rename"}
    assert set(calls[names[-1] + 1 :]) == {"fsync"}


def test_refs_get_their_names_in_the_order_of_the_format(tmp_path: Path) -> None:
    given: list[str] = []

    def told(name: str, arguments: tuple[Any, ...]) -> None:
        if name in ("link", "rename"):
            given.append(str(Path(arguments[1]).relative_to(tmp_path)))

    with _watched(told):
        ref_files.apply(LocalStorage(tmp_path), _first())

    assert given.index("artifacts/mnist/v0") < given.index("registered/Digits/links") < given.index("aliases/mnist/a0")


@pytest.mark.parametrize("error", CALLS["syncfs"].answers)
def test_where_there_is_no_syncfs_every_value_is_flushed_by_itself(tmp_path: Path, error: int) -> None:
    storage = LocalStorage(tmp_path)

    with refused(CALLS["syncfs"], error):
        calls = _calls(storage, _first())

    before_names = calls[: calls.index("link")]
    assert before_names.count("fsync") >= len(set(storage.list("")))
    assert _refs(storage, _first()) == _expected(_first())


@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC])
def test_values_that_a_flush_lost_get_no_names(tmp_path: Path, error: int) -> None:
    storage = LocalStorage(tmp_path)

    with refused(CALLS["syncfs"], error), pytest.raises(OSError):
        ref_files.apply(storage, _first())

    assert list(storage.list("")) == []
    assert list((tmp_path / "tmp").iterdir()) == []
    ref_files.apply(storage, _first())
    assert _refs(storage, _first()) == _expected(_first())


def test_a_put_that_was_lost_is_made_again_and_all_others_too(tmp_path: Path) -> None:
    class Raced(LocalStorage):
        """Somebody whom the lock does not exclude writes an older state in between."""

        lost = False

        def put_many(self, puts: Any) -> None:
            puts = list(puts)
            self.put(puts[5].key, ref_files.encode(puts[5].key, ref_files.Ref("v7", 1)))
            try:
                super().put_many(puts)
            except PutLost:
                self.lost = True
                raise

    storage = Raced(tmp_path)

    ref_files.apply(storage, _entry(2, *_first().changes))

    assert storage.lost
    assert _refs(storage, _first()) == _expected(_entry(2, *_first().changes))


def _expected(*entries: Entry) -> dict[str, ref_files.Ref]:
    straight = MemoryStorage()
    for entry in entries:
        ref_files.apply(straight, entry)
    return _refs(straight, *entries)


def test_wherever_the_writer_dies_each_ref_is_old_or_new_and_the_next_writer_ends_it(tmp_path: Path) -> None:
    number, died = 0, True
    before, after = _expected(_first()), _expected(_first(), _second())
    while died:
        root = tmp_path / f"{number}"
        ref_files.apply(LocalStorage(root, durable=False), _first())

        died = _dies(LocalStorage(root), _second(), number)

        found = _refs(LocalStorage(root), _first(), _second())
        assert all(ref in (before.get(name, ref_files.NEVER), after[name]) for name, ref in found.items())
        ref_files.apply(LocalStorage(root, durable=False), _second())
        assert _refs(LocalStorage(root), _first(), _second()) == after
        number += 1
    assert number > 4 * MANY


def _dies(storage: LocalStorage, entry: Entry, call: int) -> bool:
    """Whether the writer comes to this call; it is its last one, for nothing that it tries afterwards happens."""
    left = call

    def told(name: str, arguments: tuple[Any, ...]) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise Crash

    real_close, opened = os.close, set(os.listdir("/proc/self/fd"))
    try:
        with _watched(told):
            ref_files.apply(storage, entry)
    except Crash:
        for descriptor in set(os.listdir("/proc/self/fd")) - opened:
            try:
                real_close(int(descriptor))
            except OSError:
                pass
        return True
    return False
