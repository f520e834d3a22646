"""The writers' lock: who holds it, who does not any more, and who cannot be told."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mreg.storage import LockTimeout, lock as lock_module
from mreg.storage.local import LocalStorage
from mreg.storage.lock import STALE_AFTER, WritersLock
from mreg.storage.posix import ENOTSUPP, link_new
from mreg.storage.process import Process

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc of Linux")

WITHOUT_FLOCK = """
import errno, fcntl
def refuse(*_):
    raise OSError(errno.ENOLCK, "no locks")
fcntl.flock = refuse
"""

HOLD = """
import sys, time
from mreg.storage.local import LocalStorage
with LocalStorage(sys.argv[1]).lock():
    print("held", flush=True)
    time.sleep(3600)  # longer than any test: it is killed
"""

HOLD_AND_FORK = """
import os, sys, time
from mreg.storage.local import LocalStorage
os.setpgrp()
with LocalStorage(sys.argv[1]).lock():
    if not os.fork():
        print("held", flush=True)
    time.sleep(3600)  # longer than any test: it is killed
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture(params=["refused", "without effect"])
def without_flock(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "no locks")

    monkeypatch.setattr("fcntl.flock", refuse if request.param == "refused" else lambda *_: None)


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts Python scripts, and returns when they have printed their first line."""
    started = []

    def start_script(script: str, *args: object) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", script, *map(str, args)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "held"
        return process

    yield start_script
    for process in started:
        process.kill()
        process.communicate()


def is_free(root: Path) -> bool:
    """Whether a store that has never been used before gets the lock at once."""
    try:
        with LocalStorage(root).lock(0.0):
            return True
    except LockTimeout:
        return False


# By flock


def test_the_file_says_who_holds_the_lock_and_nobody_afterwards(root: Path) -> None:
    with LocalStorage(root).lock():
        held = Process.decode((root / "lock").read_bytes())

    assert (held.pid, held.host) == (str(os.getpid()), os.uname().nodename)
    assert held.since.endswith("Z") and held.command
    assert (root / "lock").read_bytes() == b""
    assert not (root / "lock.held").exists()


def test_two_stores_on_one_folder_exclude_each_other(root: Path) -> None:
    with LocalStorage(root).lock():
        assert not is_free(root)

    assert is_free(root)


def test_waiting_ends_when_the_lock_is_given_back(root: Path, start: Callable[..., subprocess.Popen[str]]) -> None:
    start(HOLD.replace("3600", "0.2"), root)

    with LocalStorage(root).lock(300.0):
        assert not is_free(root)

    assert is_free(root)


def test_a_living_holder_in_another_process_is_respected_and_named(
    root: Path, start: Callable[..., subprocess.Popen[str]]
) -> None:
    process = start(HOLD, root)

    with pytest.raises(LockTimeout) as caught, LocalStorage(root).lock(0.05):
        pass

    assert f"process {process.pid} on {os.uname().nodename}" in str(caught.value)


def test_a_killed_holder_blocks_nobody(root: Path, start: Callable[..., subprocess.Popen[str]]) -> None:
    process = start(HOLD, root)

    process.send_signal(signal.SIGKILL)
    process.wait()

    assert is_free(root)


def test_a_holder_killed_after_a_fork_blocks_nobody(root: Path, start: Callable[..., subprocess.Popen[str]]) -> None:
    holder = start(HOLD_AND_FORK, root)

    try:
        holder.send_signal(signal.SIGKILL)
        holder.wait()

        assert is_free(root)
    finally:
        os.killpg(holder.pid, signal.SIGKILL)


FORK_INSIDE = """
import os, sys
from mreg.storage import LockTimeout
from mreg.storage.local import LocalStorage

def is_free(storage):
    try:
        with storage.lock(0.0):
            return True
    except LockTimeout:
        return False

storage = LocalStorage(sys.argv[1])
with storage.lock():
    child = os.fork()
    if not child:
        print("child:", is_free(storage), flush=True)
    else:
        os.waitpid(child, 0)
        print("parent, inside:", is_free(storage), "others:", is_free(LocalStorage(sys.argv[1])), flush=True)
if child:
    print("parent, after:", is_free(LocalStorage(sys.argv[1])), flush=True)
"""


@pytest.mark.parametrize("prelude", ["", WITHOUT_FLOCK], ids=["flock", "link"])
def test_a_forked_child_neither_has_the_lock_nor_gives_it_back(root: Path, prelude: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", prelude + FORK_INSIDE, root],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )

    assert done.stdout.splitlines() == [
        "child: False",
        "parent, inside: True others: False",
        "parent, after: True",
    ]


def test_a_lock_file_removed_before_it_was_locked_is_made_again(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl

    real = fcntl.flock
    removals = []

    def flock(fd: int, operation: int) -> None:
        if not removals:
            removals.append(fd)
            (root / "lock").unlink()
        real(fd, operation)

    monkeypatch.setattr("fcntl.flock", flock)

    with LocalStorage(root).lock(300.0):
        assert not is_free(root)

    assert removals


def test_a_note_that_cannot_be_written_does_not_stop_the_holder(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "pwrite", refuse)

    with LocalStorage(root).lock(), pytest.raises(LockTimeout, match="an unknown process"):
        LocalStorage(root).lock(0.0).__enter__()


def test_flock_that_fails_after_it_worked_is_an_error(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Changing to the other kind of lock would exclude none of those that use this one."""
    storage = LocalStorage(root)
    with storage.lock():
        pass

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "no locks")

    monkeypatch.setattr("fcntl.flock", refuse)
    with pytest.raises(OSError, match="no locks"), storage.lock():
        pass

    assert not (root / "lock.held").exists()


def test_nothing_stays_open_after_success_or_time_out(root: Path) -> None:
    storage = LocalStorage(root)
    with storage.lock():
        open_before = set(os.listdir("/dev/fd"))
        for _ in range(3):
            assert not is_free(root)

        assert set(os.listdir("/dev/fd")) == open_before
    for _ in range(3):
        with storage.lock():
            pass
    assert len(os.listdir("/dev/fd")) < len(open_before)


def test_a_lock_given_back_is_free_while_somebody_has_a_copy_of_its_descriptor(root: Path) -> None:
    """As a child has that was forked by code that knows nothing of Python."""
    with LocalStorage(root).lock():
        [fd] = lock_module._inherited
        copy = os.dup(fd)

    assert is_free(root)
    os.close(copy)


def test_a_child_closes_no_descriptor_of_a_lock_given_back(root: Path) -> None:
    """Its number may stand for something else by then."""
    with LocalStorage(root).lock():
        pass
    assert is_free(root)

    assert not lock_module._inherited


# By link, where flock does not work


@pytest.mark.usefixtures("without_flock")
def test_a_lock_made_by_link_is_there_while_held_and_gone_afterwards(root: Path) -> None:
    with LocalStorage(root).lock():
        held = Process.decode((root / "lock.held").read_bytes())
        assert held.pid == str(os.getpid())
        assert os.listdir(root / "tmp") == []
        assert not is_free(root)

    assert not (root / "lock.held").exists()
    assert os.listdir(root / "tmp") == []
    assert is_free(root)


@pytest.mark.parametrize(
    "code", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.EBADF, errno.EIO, ENOTSUPP]
)
def test_each_way_to_refuse_flock_leads_to_a_lock_by_link(
    root: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(code, "no locks")

    monkeypatch.setattr("fcntl.flock", refuse)

    with LocalStorage(root).lock():
        assert (root / "lock.held").exists()


def leave_lock(root: Path, holder: Process, *, age: float = 0.0) -> Path:
    """Put a lock made by link there, as `holder` would have left it."""
    path = root / "lock.held"
    path.write_bytes(holder._replace(nonce="left-behind").encode())
    os.utime(path, (time.time() - age, time.time() - age))
    return path


def dead_process() -> Process:
    """Who was a process of this machine until a moment ago."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return Process.me()._replace(pid=str(process.pid), start="1")


ME = Process.me()._replace(machine="0" * 32)
ELSEWHERE = ME._replace(host="elsewhere", machine="1" * 32, boot="another-boot")

STALE: dict[str, tuple[Callable[[], Process], float]] = {
    "its process is gone": (dead_process, 0),
    "its process number was given out again": (lambda: Process.me()._replace(start="1"), 0),
    "this machine was started anew": (lambda: Process.me()._replace(boot="an-earlier-boot"), 0),
    "nothing heard from another machine": (lambda: ELSEWHERE, STALE_AFTER + 60),
    "nothing heard from another container": (
        lambda: dead_process()._replace(pidns="pid:[1]"),
        STALE_AFTER + 60,
    ),
    "nothing heard from a machine without identity": (
        lambda: ELSEWHERE._replace(machine=""),
        STALE_AFTER + 60,
    ),
    "unreadable and old": (Process, STALE_AFTER + 60),
}

ALIVE: dict[str, tuple[Callable[[], Process], float]] = {
    "its process runs": (Process.me, 0),
    "its process runs, for hours": (Process.me, 9 * STALE_AFTER),
    "it is another user's process": (lambda: Process.me()._replace(pid="1", start=""), 9 * STALE_AFTER),
    "on another machine": (lambda: ELSEWHERE, STALE_AFTER - 600),
    "on a machine of the same name": (lambda: ELSEWHERE._replace(host=ME.host), STALE_AFTER - 600),
    "on a machine without identity": (lambda: ELSEWHERE._replace(host=ME.host, machine=""), STALE_AFTER - 600),
    "in another container": (lambda: dead_process()._replace(pidns="pid:[1]"), STALE_AFTER - 600),
    "unreadable": (Process, STALE_AFTER - 600),
}


@pytest.fixture
def with_machine_id(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine with an identity, which containers often lack."""
    monkeypatch.setattr("mreg.storage.process._this_process", ME)


@linux_only
@pytest.mark.usefixtures("without_flock", "with_machine_id")
@pytest.mark.parametrize("why", STALE)
def test_a_stale_lock_is_broken_at_once(root: Path, why: str) -> None:
    make_holder, age = STALE[why]
    path = leave_lock(root, make_holder(), age=age)

    with LocalStorage(root).lock(0.0):
        assert Process.decode(path.read_bytes()).nonce != "left-behind"

    assert os.listdir(root / "tmp") == []


@linux_only
@pytest.mark.usefixtures("without_flock", "with_machine_id")
@pytest.mark.parametrize("why", ALIVE)
def test_a_lock_that_may_be_held_is_respected(root: Path, why: str) -> None:
    make_holder, age = ALIVE[why]
    path = leave_lock(root, make_holder(), age=age)
    before = path.read_bytes()

    with pytest.raises(LockTimeout) as caught, LocalStorage(root).lock(0.02):
        pass

    assert path.read_bytes() == before
    assert caught.value.holder == Process.decode(before).describe()
    assert os.listdir(root / "tmp") == []


@pytest.mark.usefixtures("without_flock")
def test_age_goes_by_the_clock_of_the_file_system(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    leave_lock(root, Process.me()._replace(host="elsewhere", boot="another-boot", machine=""))
    monkeypatch.setattr(time, "time", lambda: 4e9)

    assert not is_free(root)


@linux_only
def test_a_killed_holder_of_a_lock_by_link_blocks_nobody(
    root: Path, start: Callable[..., subprocess.Popen[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fcntl.flock", lambda *_: None)
    process = start(WITHOUT_FLOCK + HOLD, root)
    assert not is_free(root)

    process.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # dead, but still a zombie

    assert (root / "lock.held").exists()
    assert is_free(root)


COUNT = """
import sys
from mreg.storage.local import LocalStorage
from mreg.testing.storage_contract import add_one
for _ in range(25):
    add_one(LocalStorage(sys.argv[1], durable=False), "counter")
"""


def test_no_swap_is_lost_between_processes_that_lock_by_link(root: Path) -> None:
    LocalStorage(root).put("counter", b"0")

    processes = [subprocess.Popen([sys.executable, "-c", WITHOUT_FLOCK + COUNT, root]) for _ in range(3)]

    assert [process.wait(timeout=300) for process in processes] == [0, 0, 0]
    assert LocalStorage(root).read("counter", 0, 9) == b"75"
    assert os.listdir(root / "tmp") == []


@linux_only
@pytest.mark.usefixtures("without_flock")
def test_a_lock_taken_since_it_was_judged_stale_is_put_back(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = leave_lock(root, dead_process())
    theirs = Process.me()._replace(nonce="taken-meanwhile").encode()
    real = os.rename

    def rename(old: str, new: str) -> None:
        path.write_bytes(theirs)  # another writer was faster in breaking the stale one
        real(old, new)

    monkeypatch.setattr(os, "rename", rename)

    assert not is_free(root)
    assert path.read_bytes() == theirs
    assert os.listdir(root / "tmp") == []


@pytest.mark.usefixtures("without_flock")
def test_a_holder_that_lost_its_lock_leaves_the_new_one_alone(root: Path) -> None:
    theirs = Process.me()._replace(nonce="theirs").encode()

    with LocalStorage(root).lock():
        (root / "lock.held").unlink()
        (root / "lock.held").write_bytes(theirs)

    assert (root / "lock.held").read_bytes() == theirs


@pytest.mark.usefixtures("without_flock")
def test_a_lock_whose_making_was_interrupted_is_not_left_behind(root: Path) -> None:
    def link(old: str, new: str) -> None:
        link_new(old, new)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), WritersLock(str(root), link).hold(1.0):
        pass

    assert not (root / "lock.held").exists()
    assert os.listdir(root / "tmp") == []


def test_a_restart_is_not_seen_where_machines_have_no_identity() -> None:
    """Two containers of one image may share a name, on two machines."""
    me = ME._replace(machine="")

    assert me._replace(boot="another-boot").is_gone(me) is None


# Notes


def test_notes_survive_being_written_and_read() -> None:
    holder = Process.me()._replace(command="mreg log\nhost=elsewhere a=b", nonce="n")

    read = Process.decode(holder.encode())

    assert read == holder._replace(command="mreg log host=elsewhere a=b")


def test_a_command_that_is_not_unicode_can_be_noted() -> None:
    process = Process.me()._replace(command="mreg log caf\udce9")

    assert Process.decode(process.encode()).command.startswith("mreg log caf")


@pytest.mark.parametrize("note", [b"", b"\xff\xfe\x00", b"pid", b"=\n==\n", b"pid=12\nfuture=1\nho"])
def test_damaged_notes_give_what_can_be_read(note: bytes) -> None:
    holder: Any = Process.decode(note)

    assert holder.pid in ("", "12")
    assert holder.describe()
    assert holder.is_gone(Process.me()) is None
