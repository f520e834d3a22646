"""LocalStorage: the contract, the order of flushing and publishing, and faults of the machine."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from blake3 import blake3

from mreg.storage import ABSENT, ANY, PutLost, Storage, lock as lock_module, reading
from mreg.storage.base import MAX_VALUE, TooLarge
from mreg.storage.local import LocalStorage
from mreg.testing.faults import Crash
from mreg.testing.storage_contract import StorageContract, put

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc of Linux")
needs_root = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="needs root on Linux (mount, setuid)"
)


def os_error(code: int) -> OSError:
    return OSError(code, os.strerror(code))


def fails_with(code: int) -> Callable[..., Any]:
    def fail(*_: object, **__: object) -> None:
        raise os_error(code)

    return fail


def leftovers(root: Path) -> list[str]:
    return os.listdir(root / "tmp")


def run_python(script: str, *args: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", script, *map(str, args)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def results_of(processes: list[subprocess.Popen[str]]) -> list[str]:
    outputs = [process.communicate(timeout=300)[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes)
    return outputs


# The contract, in every way of working that a file system may force


class TestLocalStorage(StorageContract):
    durable = True

    @pytest.fixture(autouse=True)
    def in_folder(self, tmp_path: Path) -> None:
        self.root = tmp_path / "store"

    def make_storage(self) -> Storage:
        return LocalStorage(self.root, durable=self.durable)


class TestLocalStorageNotDurable(TestLocalStorage):
    durable = False


@linux_only
class TestLocalStorageWithoutHardLinks(TestLocalStorageNotDurable):
    @pytest.fixture(autouse=True)
    def without_hard_links(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, "link", fails_with(errno.EPERM))


class TestLocalStorageWithoutFlock(TestLocalStorageNotDurable):
    @pytest.fixture(autouse=True)
    def without_flock(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("fcntl.flock", fails_with(errno.ENOLCK))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def storage(root: Path) -> LocalStorage:
    return LocalStorage(root)


# Files and folders


def test_nothing_is_made_before_the_first_write(root: Path, storage: LocalStorage) -> None:
    found = [storage.get("a"), storage.stat("a"), list(storage.list("")), storage.sweep(0.0)]

    assert found == [None, None, [], 0]
    assert not root.exists()


def test_the_root_stays_where_it_was_when_the_process_moves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    storage = LocalStorage("store")
    monkeypatch.chdir("/")

    storage.put("a", b"x")

    assert (tmp_path / "store" / "a").read_bytes() == b"x"


def test_the_etag_is_the_digest_of_the_bytes(storage: LocalStorage) -> None:
    etag = put(storage, "a", b"some bytes")
    with storage.stage() as staged:
        staged.write(b"some ")
        staged.write(b"bytes")
        staged_etag = put(storage, "b", staged)

    assert etag == staged_etag == blake3(b"some bytes").hexdigest()


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o444), (0o002, 0o444), (0o077, 0o400)])
def test_published_files_are_read_only(root: Path, storage: LocalStorage, umask: int, mode: int) -> None:
    before = os.umask(umask)
    try:
        storage.put("f/created", b"x", ABSENT)
        storage.put("f/replaced", b"x")
        storage.put("f/replaced", b"y")
    finally:
        os.umask(before)

    assert [(root / "f" / name).stat().st_mode & 0o777 for name in ("created", "replaced")] == [mode, mode]
    assert (root / "f").stat().st_mode & 0o777 == 0o777 & ~umask


def test_nothing_stays_behind_in_tmp_whoever_wins(root: Path, storage: LocalStorage) -> None:
    etag = put(storage, "a", b"1", ABSENT)
    for expect in (ABSENT, "other"):
        with pytest.raises(PutLost):
            storage.put("a", b"2", expect)
    storage.put("a", b"3", etag)
    storage.put("a", b"4", ANY)

    assert leftovers(root) == []


def test_what_is_no_key_is_not_listed(root: Path, storage: LocalStorage) -> None:
    storage.put("f/a", b"x")
    with storage.lock():
        pass
    (root / "lock.held").touch()
    (root / "f" / "with space").touch()
    (root / "f" / (".nfs" + "0123456789abcdef" + "00000001")).touch()
    (root / "f" / "link").symlink_to(root / "f" / "a")
    (root / "loop").symlink_to(root)
    storage.stage().write(b"unfinished")

    assert list(storage.list("")) == ["f/a"]


def test_staged_values_of_another_kind_are_refused(storage: LocalStorage) -> None:
    with pytest.raises(TypeError):
        storage.put("a", bytearray(b"x"))  # type: ignore[arg-type]

    assert storage.get("a") is None


@pytest.mark.parametrize(("start", "length"), [(-1, 1), (0, -1)])
def test_negative_ranges_are_refused(storage: LocalStorage, start: int, length: int) -> None:
    storage.put("a", b"0123456789")

    with pytest.raises(ValueError):
        storage.read("a", start, length)


def test_import_loads_nothing_that_start_up_has_no_use_for() -> None:
    script = """
import sys
before = set(sys.modules)
import mreg.storage.local
print(*sorted(set(sys.modules) - before))
"""
    [loaded] = results_of([run_python(script)])

    dear = {"fcntl", "ctypes", "secrets", "tempfile", "socket", "random", "json", "pathlib", "subprocess"}
    assert "mreg.storage.local" in loaded.split()
    assert not dear & set(loaded.split())


# The order of flushing and publishing


@pytest.fixture
def journal(root: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What was flushed and published, in order. Files in tmp/ are called `tmp/*`."""
    calls: list[tuple[str, str]] = []

    def name(path: str) -> str:
        shown = os.path.relpath(path, root)
        return "tmp/*" if shown.startswith("tmp/") else shown

    def record(kind: str, real: Callable[..., Any], path_of: Callable[..., str]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            path = name(path_of(*args))
            result = real(*args, **kwargs)
            calls.append((kind, path))
            return result

        return call

    monkeypatch.setattr(os, "fsync", record("fsync", os.fsync, lambda fd: os.readlink(f"/proc/self/fd/{fd}")))
    monkeypatch.setattr(os, "link", record("link", os.link, lambda _, new: new))
    monkeypatch.setattr(os, "rename", record("rename", os.rename, lambda _, new: new))
    monkeypatch.setattr(os, "mkdir", record("mkdir", os.mkdir, lambda folder, *_: folder))
    monkeypatch.setattr(os, "unlink", record("unlink", os.unlink, lambda path: path))
    return calls


@linux_only
def test_create_flushes_the_file_then_links_then_flushes_the_folder(
    storage: LocalStorage, journal: list[tuple[str, str]]
) -> None:
    storage.put("f/other", b"")
    journal.clear()

    storage.put("f/a", b"x", ABSENT)

    assert journal == [("fsync", "tmp/*"), ("link", "f/a"), ("unlink", "tmp/*"), ("fsync", "f")]


@linux_only
def test_losing_create_if_absent_flushes_the_name_of_the_winner(
    storage: LocalStorage, journal: list[tuple[str, str]]
) -> None:
    storage.put("f/a", b"1")
    journal.clear()

    with pytest.raises(PutLost):
        storage.put("f/a", b"2", ABSENT)

    assert ("fsync", "f") in journal


@linux_only
@pytest.mark.parametrize("by_etag", [False, True])
def test_replacing_flushes_the_file_then_renames_then_flushes_the_folder(
    storage: LocalStorage, journal: list[tuple[str, str]], by_etag: bool
) -> None:
    etag = put(storage, "f/a", b"")
    journal.clear()

    storage.put("f/a", b"x", etag if by_etag else ANY)

    assert journal == [("fsync", "tmp/*"), ("rename", "f/a"), ("fsync", "f")]


@linux_only
def test_new_folders_are_flushed_into_those_above(storage: LocalStorage, journal: list[tuple[str, str]]) -> None:
    storage.put("other", b"")
    journal.clear()

    storage.put("f/g/a", b"x", ABSENT)

    made = [("mkdir", "f"), ("fsync", "."), ("mkdir", "f/g"), ("fsync", "f")]
    published = [("link", "f/g/a"), ("unlink", "tmp/*"), ("fsync", "f/g")]
    assert journal == [("fsync", "tmp/*"), *made, *published]


@linux_only
def test_delete_flushes_the_folder(storage: LocalStorage, journal: list[tuple[str, str]]) -> None:
    storage.put("f/a", b"")
    journal.clear()

    storage.delete("f/a")

    assert journal == [("unlink", "f/a"), ("fsync", "f")]


@linux_only
def test_a_store_that_is_not_durable_flushes_nothing(root: Path, journal: list[tuple[str, str]]) -> None:
    storage = LocalStorage(root, durable=False)

    etag = put(storage, "f/g/a", b"1", ABSENT)
    storage.put("f/g/a", b"2", etag)
    storage.put("f/g/a", b"3")
    storage.delete("f/g/a")

    assert not [call for call in journal if call[0] == "fsync"]


@linux_only
def test_a_failed_flush_publishes_nothing_and_is_not_repeated(
    root: Path, storage: LocalStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage.put("a", b"old")
    flushed = []

    def fail(fd: int) -> None:
        flushed.append(os.readlink(f"/proc/self/fd/{fd}"))
        raise os_error(errno.EIO)

    monkeypatch.setattr(os, "fsync", fail)
    with storage.stage() as staged:
        staged.write(b"new")
        with pytest.raises(OSError, match="Input/output"):
            storage.put("a", staged)
        with pytest.raises(ValueError):
            storage.put("a", staged)

    monkeypatch.undo()
    assert len(flushed) == 1
    assert storage.get("a").data == b"old"  # type: ignore[union-attr]
    assert leftovers(root) == []


def test_folders_that_cannot_be_flushed_are_no_failure(storage: LocalStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some network file systems know no fsync of folders."""
    real = os.fsync

    def fsync(fd: int) -> None:
        if os.path.isdir(f"/dev/fd/{fd}"):
            raise os_error(errno.EINVAL)
        real(fd)

    monkeypatch.setattr(os, "fsync", fsync)

    storage.put("f/a", b"x", ABSENT)

    assert list(storage.list("")) == ["f/a"]


# File systems and networks with a will of their own


def test_without_any_exclusive_rename_create_fails_and_changes_nothing(
    root: Path, storage: LocalStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "link", fails_with(errno.EPERM))
    monkeypatch.setattr("ctypes.CDLL", lambda *_, **__: object())

    with pytest.raises(OSError, match="neither hard links nor exclusive renames"):
        storage.put("a", b"x", ABSENT)

    assert list(storage.list("")) == []
    assert leftovers(root) == []


@pytest.mark.parametrize("code", [errno.EEXIST, errno.EIO, errno.EPERM])
def test_a_link_whose_reply_was_lost_is_a_success(
    root: Path, storage: LocalStorage, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    real = os.link

    def link(old: str, new: str) -> None:
        real(old, new)
        raise os_error(code)

    monkeypatch.setattr(os, "link", link)

    etag = put(storage, "f/a", b"x", ABSENT)

    assert storage.get("f/a") == (b"x", etag)
    assert leftovers(root) == []
    with pytest.raises(PutLost):
        storage.put("f/a", b"x", ABSENT)


def test_a_rename_whose_reply_was_lost_is_a_success(storage: LocalStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.rename

    def rename(old: str, new: str) -> None:
        real(old, new)
        raise os_error(errno.ENOENT)

    storage.put("a", b"old")
    monkeypatch.setattr(os, "rename", rename)

    etag = put(storage, "a", b"new")

    assert storage.get("a") == (b"new", etag)


def test_folders_that_vanish_before_the_link_are_made_again(
    root: Path, storage: LocalStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.link
    removals = []

    def link(old: str, new: str) -> None:
        if len(removals) < 2 and (root / "f" / "g").exists():
            shutil.rmtree(root / "f")
            removals.append(new)
        real(old, new)

    monkeypatch.setattr(os, "link", link)

    storage.put("f/g/a", b"x", ABSENT)

    assert len(removals) == 2
    assert list(storage.list("")) == ["f/g/a"]


def test_short_writes_are_continued(storage: LocalStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real(fd, data[:7]))

    etag = put(storage, "a", bytes(range(100)))

    assert storage.get("a") == (bytes(range(100)), etag)


def test_short_reads_are_continued(storage: LocalStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    storage.put("a", bytes(range(100)))
    real_read, real_pread = os.read, os.pread
    monkeypatch.setattr(os, "read", lambda fd, length: real_read(fd, min(length, 7)))
    monkeypatch.setattr(os, "pread", lambda fd, length, start: real_pread(fd, min(length, 7), start))

    whole = storage.get("a")
    ranges = [storage.read("a", 0, 100), storage.read("a", 3, 20), storage.read("a", 95, 20)]

    assert whole is not None and whole.data == bytes(range(100))
    assert ranges == [bytes(range(100)), bytes(range(3, 23)), bytes(range(95, 100))]


def test_read_asks_for_no_more_than_there_is(storage: LocalStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python allocates what is asked for, before it knows how much comes."""
    storage.put("a", b"0123456789")
    asked = []
    real = os.pread

    def pread(fd: int, length: int, start: int) -> bytes:
        asked.append(length)
        return real(fd, length, start)

    monkeypatch.setattr(os, "pread", pread)

    storage.read("a", 4, 1 << 50)
    storage.read("a", 1 << 40, 1 << 50)

    assert asked == [6, 0]


def test_a_failed_write_gives_its_space_back_at_once(
    root: Path, storage: LocalStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    with storage.stage() as staged:
        staged.write(b"x" * 1000)
        monkeypatch.setattr(os, "write", fails_with(errno.ENOSPC))

        with pytest.raises(OSError, match="No space"):
            staged.write(b"y")

        assert leftovers(root) == []
        with pytest.raises(ValueError):
            storage.put("a", staged)


@pytest.mark.parametrize("use", ["get", "read", "stat", "list"])
def test_stale_handles_are_looked_up_again(storage: LocalStorage, monkeypatch: pytest.MonkeyPatch, use: str) -> None:
    uses: dict[str, Callable[[], Any]] = {
        "get": lambda: storage.get("a"),
        "read": lambda: storage.read("a", 0, 9),
        "stat": lambda: storage.stat("a"),
        "list": lambda: list(storage.list("")),
    }
    storage.put("a", b"x")
    expected = uses[use]()
    stale = iter([True, True, True, False])  # the second is that of the look-up between

    def sometimes(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            if next(stale, False):
                raise os_error(errno.ESTALE)
            return real(*args, **kwargs)

        return call

    for name in ("open", "lstat", "scandir"):
        monkeypatch.setattr(os, name, sometimes(getattr(os, name)))

    found = uses[use]()

    monkeypatch.undo()
    assert found == expected
    assert list(stale) == []


@pytest.mark.parametrize("use", ["get", "read", "read_into"])
@pytest.mark.parametrize("call", ["fstat", "read"])
def test_a_file_that_is_opened_as_it_was_is_looked_up_by_name(
    storage: LocalStorage, root: Path, monkeypatch: pytest.MonkeyPatch, use: str, call: str
) -> None:
    """As a client of NFS 4 does that has opened it before: only what is given the name finds what is there now."""
    storage.put("a", b"old")
    before = os.open(root / "a", os.O_RDONLY)
    storage.put("a", b"new")
    real = {name: getattr(os, name) for name in ("open", "fstat", "read", "pread", "preadv", "lstat")}
    looked: list[str] = []
    opened: set[int] = set()

    def opens(path: Any, *how: Any, **more: Any) -> int:
        if path != str(root / "a") or looked:
            opened.discard(fd := real["open"](path, *how, **more))
        else:
            opened.add(fd := os.dup(before))
        return int(fd)

    def lookup(path: Any, **more: Any) -> Any:
        looked.extend([path] if path == str(root / "a") else [])
        return real["lstat"](path, **more)

    def stale(name: str) -> Callable[..., Any]:
        def on(fd: int, *how: Any) -> Any:
            if fd in opened:
                raise os_error(errno.ESTALE)
            return real[name](fd, *how)

        return on

    monkeypatch.setattr(os, "open", opens)
    monkeypatch.setattr(os, "lstat", lookup)
    for name in ["fstat"] if call == "fstat" else ["read", "pread", "preadv"]:
        monkeypatch.setattr(os, name, stale(name))
    out = memoryview(bytearray(3))
    uses: dict[str, Callable[[], Any]] = {
        "get": lambda: getattr(storage.get("a"), "data", None),
        "read": lambda: storage.read("a", 0, 3),
        "read_into": lambda: (storage.read_into("a", 0, out), bytes(out))[1],
    }

    found = uses[use]()

    monkeypatch.undo()
    os.close(before)
    assert found == b"new"


def test_handles_that_stay_stale_are_an_error(storage: LocalStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "open", fails_with(errno.ESTALE))

    with pytest.raises(OSError) as caught:
        storage.get("a")

    monkeypatch.undo()
    assert caught.value.errno == errno.ESTALE


# Sweeping


def test_sweep_goes_by_the_clock_of_the_file_system(
    root: Path, storage: LocalStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    young, old = storage.stage(), storage.stage()
    young.write(b"x")
    old.write(b"abc")
    [old_file] = [path for path in (root / "tmp").iterdir() if path.stat().st_size == 3]
    hour_ago = old_file.stat().st_mtime - 3600
    os.utime(old_file, (hour_ago, hour_ago))
    monkeypatch.setattr(time, "time", lambda: 4e9)

    freed = storage.sweep(1800.0)

    assert freed == 3
    storage.put("a", young, ABSENT)
    assert list(storage.list("")) == ["a"]


def test_sweep_counts_no_bytes_that_stay_published(root: Path, storage: LocalStorage) -> None:
    storage.put("a", b"x" * 1000)
    os.link(root / "a", root / "tmp" / "left-by-a-crash-after-link")
    time.sleep(0.03)

    freed = storage.sweep(0.001)

    assert freed == 0
    assert leftovers(root) == []
    assert storage.read("a", 0, 2000) == b"x" * 1000


# Faults and death at every call to the system


class Machine:
    """Fails the n-th file-changing call of this process; with Crash also every later one."""

    CALLS = ("open", "write", "fsync", "close", "link", "rename", "unlink", "mkdir", "ftruncate", "pwrite")

    def __init__(self, fail_at: int, error: BaseException) -> None:
        self.calls = 0
        self._fail_at = fail_at
        self._error = error
        self._real = {name: getattr(os, name) for name in self.CALLS}

    def __enter__(self) -> Machine:
        for name in self.CALLS:
            setattr(os, name, self._wrapped(self._real[name]))
        return self

    def __exit__(self, *_: object) -> None:
        for name, real in self._real.items():
            setattr(os, name, real)
        if isinstance(self._error, Crash):
            lock_module._close_inherited()  # as the kernel does for the dead

    def _wrapped(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            self.calls += 1
            dead = isinstance(self._error, Crash) and self.calls > self._fail_at > 0
            if self.calls == self._fail_at or dead:
                if real is self._real["close"] and not isinstance(self._error, Crash):
                    real(*args)  # a failing close closes all the same
                raise self._error
            return real(*args, **kwargs)

        return call


@pytest.mark.parametrize("error", [Crash(), os_error(errno.EIO), os_error(errno.ENOSPC)], ids=repr)
@pytest.mark.parametrize("how", ["absent", "any", "etag"])
def test_a_put_that_fails_anywhere_left_the_old_bytes_or_the_new(
    tmp_path: Path, how: str, error: BaseException
) -> None:
    fail_at = 0
    while True:
        fail_at += 1
        root = tmp_path / str(fail_at)
        expect = prepared(LocalStorage(root), how)

        with Machine(fail_at, error) as machine:
            try:
                etag = put(LocalStorage(root), "f/a", b"new" * 1000, expect)
            except type(error):
                etag = None

        storage = LocalStorage(root)
        old = None if how == "absent" else b"old"
        data = None if (present := storage.get("f/a")) is None else present.data
        assert data == b"new" * 1000 if etag else data in (old, b"new" * 1000)
        assert list(storage.list("")) == (["f/a"] if data else [])
        storage.put("f/a", b"later")
        if machine.calls < fail_at:
            break
    assert etag and fail_at > 5


def prepared(storage: LocalStorage, how: str) -> Any:
    """Prepare `f/a` for one kind of put, and say what that put is to expect."""
    if how == "absent":
        return ABSENT
    etag = put(storage, "f/a", b"old")
    return etag if how == "etag" else ANY


# Several processes

CREATE_SCRIPT = """
import sys
from mreg.storage import ABSENT, PutLost
from mreg.storage.base import MAX_VALUE
from mreg.storage.local import LocalStorage

storage, name = LocalStorage(sys.argv[1]), sys.argv[2]
while storage.get("start") is None:
    pass
for number in range(50):
    try:
        storage.put(f"race/{number}", name.encode(), ABSENT)
    except PutLost:
        continue
    print(number)
"""

COUNT_SCRIPT = """
import sys
from mreg.storage.base import MAX_VALUE
from mreg.storage.local import LocalStorage
from mreg.testing.storage_contract import add_one

for _ in range(40):
    add_one(LocalStorage(sys.argv[1]), "counter")
"""


def test_create_has_one_winner_when_processes_race(root: Path, storage: LocalStorage) -> None:
    processes = [run_python(CREATE_SCRIPT, root, name) for name in "abcd"]
    storage.put("start", b"")

    won = [set(output.split()) for output in results_of(processes)]

    assert sum(map(len, won)) == 50
    for number in range(50):
        present = storage.get(f"race/{number}")
        assert present is not None
        assert str(number) in won["abcd".index(present.data.decode())]


def test_no_swap_is_lost_when_processes_race(root: Path, storage: LocalStorage) -> None:
    storage.put("counter", b"0")

    results_of([run_python(COUNT_SCRIPT, root) for _ in range(4)])

    assert storage.read("counter", 0, 9) == b"160"
    assert leftovers(root) == []


# Full and read-only disks


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """The mount point of a file system of 1 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    made = subprocess.run(mount, capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip(f"cannot mount a tmpfs: {made.stderr.strip()}")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


@needs_root
def test_a_full_disk_fails_the_put_and_nothing_else(small_disk: Path) -> None:
    storage = LocalStorage(small_disk)
    etag = put(storage, "a", b"old")

    for expect in (ANY, etag):
        with pytest.raises(OSError) as caught:
            storage.put("a", b"x" * 2_000_000, expect)
        assert caught.value.errno == errno.ENOSPC

    assert leftovers(small_disk) == []
    assert storage.get("a") == (b"old", etag)
    storage.put("a", b"new", etag)
    assert storage.read("a", 0, 9) == b"new"


@needs_root
def test_on_a_full_disk_one_can_read_lock_sweep_and_delete(small_disk: Path) -> None:
    storage = LocalStorage(small_disk)
    storage.put("a", b"x" * 100_000)
    abandoned = storage.stage()
    abandoned.write(b"x" * 100_000)
    with pytest.raises(OSError), open(small_disk / "filler", "wb", buffering=0) as filler:
        while True:
            filler.write(b"x" * 4096)
    time.sleep(0.03)

    with storage.lock(0.0):
        assert storage.read("a", 0, 2) == b"xx"
        assert storage.touch("a")
        assert storage.sweep(0.001) == 100_000
        assert storage.delete("a")

    storage.put("b", b"y" * 100_000)
    assert list(storage.list("")) == ["b", "filler"]


@needs_root
def test_on_a_read_only_disk_one_can_read(small_disk: Path) -> None:
    LocalStorage(small_disk).put("f/a", b"x")
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    storage = LocalStorage(small_disk)
    changes: list[Callable[[], object]] = [
        lambda: storage.put("f/b", b"y"),
        lambda: storage.put("g/b", b"y", ABSENT),
        lambda: storage.delete("f/a"),
        lambda: storage.touch("f/a"),
        lambda: storage.lock().__enter__(),
        lambda: storage.sweep(0.0),
    ]

    for change in changes:
        with pytest.raises(OSError) as caught:
            change()
        assert caught.value.errno == errno.EROFS

    assert storage.read("f/a", 0, 9) == b"x"
    assert list(storage.list("")) == ["f/a"]


STRANGER_SCRIPT = """
import fcntl, os, sys
from mreg.storage import ABSENT
from mreg.storage.base import MAX_VALUE
from mreg.storage.local import LocalStorage

# Not earlier: a stranger may be unable to read this Python's own files.
os.setgroups([])
os.setgid(65534)
os.setuid(65534)

storage = LocalStorage(sys.argv[1])
print(storage.read("f/a", 0, 9), *storage.list(""))
changes = [
    lambda: storage.put("f/b", b"y", ABSENT),
    lambda: storage.put("f/a", b"y"),
    lambda: storage.delete("f/a"),
    lambda: storage.touch("f/a"),
    lambda: storage.lock().__enter__(),
]
for change in changes:
    try:
        change()
    except PermissionError:
        print("refused")
"""


@needs_root
def test_a_stranger_can_read_and_change_nothing() -> None:
    with tempfile.TemporaryDirectory() as folder:  # tmp_path would be closed to other users
        os.chmod(folder, 0o755)
        root = os.path.join(folder, "store")
        storage = LocalStorage(root)
        storage.put("f/a", b"x")
        with storage.lock():
            pass

        [output] = results_of([run_python(STRANGER_SCRIPT, root)])

        assert output.splitlines() == ["b'x' f/a", *["refused"] * 5]
        assert storage.read("f/a", 0, 9) == b"x"
        assert list(storage.list("")) == ["f/a"]


def test_a_value_larger_than_any_may_be_is_refused_unread(
    root: Path, storage: LocalStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage.put("objects/huge", b"x")
    (root / "objects" / "huge").chmod(0o644)
    os.truncate(root / "objects" / "huge", 1 << 40)  # a hole: costs nothing to have
    monkeypatch.setattr(reading.os, "read", lambda *_: pytest.fail("it was read"))

    with pytest.raises(TooLarge, match=f"it is larger than 128 MiB .{1 << 40} bytes") as caught:
        storage.get("objects/huge")

    assert caught.value.filename == str(root / "objects" / "huge")
    monkeypatch.undo()
    storage.put("objects/huge", b"small")
    assert storage.get("objects/huge") == (b"small", blake3(b"small").hexdigest())


def test_a_value_as_large_as_any_may_be_is_read(root: Path, storage: LocalStorage) -> None:
    storage.put("objects/large", b"x")
    (root / "objects" / "large").chmod(0o644)
    os.truncate(root / "objects" / "large", MAX_VALUE)

    value = storage.get("objects/large")

    assert value is not None
    assert len(value.data) == MAX_VALUE
