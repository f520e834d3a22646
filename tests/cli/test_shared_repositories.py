"""One repository for several accounts: shared with a group, or by the umask alone. All with two real users, whose
umask keeps everything from one another, and who have one group in common."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

from mreg import Repository

TEAM = 45000


def modes_of(root: Path) -> dict[str, int]:
    """Mode and kind of all that lies below the folder, and of itself."""
    return {str(path.relative_to(root.parent)): path.lstat().st_mode for path in [root, *root.rglob("*")]}


def assert_open_to_group(repository: Path, *, unfinished: bool = False) -> None:
    """unfinished: what a killed process has left in tmp does not count."""
    for name, mode in modes_of(repository).items():
        if unfinished and name.startswith(".mreg/tmp/"):
            continue
        path = repository.parent / name
        assert path.stat().st_gid == TEAM, name
        needed = 0o2770 if stat.S_ISDIR(mode) else 0o660 if path.name == "lock" else 0o440
        assert mode & needed == needed, f"{name}: {stat.filemode(mode)}"


@pytest.fixture
def team(people: Any) -> Any:
    """Ann, Bob who trusts her, and the repository that she has shared with him."""
    ann, bob, work = people
    ann.must("init", "--shared")
    bob.must("config", "set", "--user", "safe.directory", str(work))
    return ann, bob, work / ".mreg"


def test_two_users_work_in_turns(team: Any) -> None:
    ann, bob, repository = team
    ann.must("log", "one", "-a", "digits", "--alias", "best", "--link", "Reader")
    assert bob.must("log", "two", "-a", "digits", "--alias", "best") == "digits:v1\n"  # moves what Ann has made
    assert ann.must("log", "one", "-a", "digits") == "digits:v2\n"
    ann.must("alias", "set", "best", "digits:v2", "--expect", "v1")
    bob.must("tag", "add", "Reader", "vision")
    bob.must("unlink", "Reader:v0")
    bob.must("rm", "digits:v0")
    ann.must("rm", "digits:v1")
    bob.must("undo", "8")
    ann.must("config", "set", "gc.grace", "1d")

    for user in (ann, bob):
        assert user.must("resolve", "digits:best") == "digits:v2\n"
        assert user.must("cat", "digits:best", "weights.bin") == "one" * 100
        assert user.must("fsck", "--full") == ""
    assert Path(bob.must("use", "digits:v0").rstrip(), "weights.bin").read_bytes() == b"one" * 100
    assert_open_to_group(repository)
    assert {path.stat().st_uid for path in repository.rglob("*")} == {ann.uid, bob.uid}


def test_one_user_stores_what_the_other_has_stored_already(team: Any) -> None:
    ann, bob, repository = team
    ann.must("log", "one", "-a", "a")
    manifest = ann("--json", "show", "a:v0").json["manifest"]
    stored = repository / "objects" / manifest[:2] / manifest[2:]
    assert stored.stat().st_uid == ann.uid
    os.utime(stored, (1e9, 1e9))

    assert bob.must("log", "one", "-a", "b") == "b:v0\n"  # only its owner may make Ann's file young

    assert bob("--json", "show", "b:v0").json["manifest"] == manifest
    assert (stored.stat().st_uid, stored.stat().st_mtime > 1e9) == (bob.uid, True)
    assert ann.must("log", "one", "-a", "c") == "c:v0\n"
    assert ann.must("fsck", "--full") == ""


def test_one_user_collects_the_garbage_of_the_other(team: Any) -> None:
    ann, bob, repository = team
    ann.must("log", "one", "-a", "a")
    ann.must("rm", "a:v0")
    abandoned = repository / "tmp" / "abandoned"
    abandoned.write_bytes(b"x" * 1000)
    os.chown(abandoned, ann.uid, TEAM)
    os.utime(abandoned, (1e9, 1e9))

    foretold = bob.must("gc", "--grace", "0", "--dry-run")
    freed = bob.must("gc", "--grace", "0")

    assert freed == foretold
    assert int(freed) > 0
    assert list((repository / "packs").rglob("*.pack")) == []
    assert not abandoned.exists()
    assert ann.must("fsck", "--full") == ""


def test_two_users_work_at_the_same_time(team: Any) -> None:
    ann, bob, repository = team
    commands = []
    for turn in range(4):
        for user in (ann, bob):
            for name in ("one", "two"):
                commands.append((user, ["log", name, "-a", f"{name}-{user.uid}", "--alias", f"t{turn}"]))
            commands.append((user, ["log", ("one", "two", "three")[turn % 3], "-a", "common", "--alias", "best"]))
            commands.append((user, ["gc"] if turn % 2 else ["alias", "set", f"a{user.uid}", "common"]))
    ann.must("log", "three", "-a", "common")
    ann.must("config", "set", "lock.timeout", "300s")  # eight may have to wait for long on a slow disk

    for at in range(0, len(commands), 8):
        running = [(command, user.start(*command)) for user, command in commands[at : at + 8]]
        for command, process in running:
            code, _, errors = process.finish()
            gave_way = command == ["gc"] and "the repository changed while gc looked at it" in errors
            assert code == 0 or gave_way, errors

    for user in (ann, bob):
        assert user.must("fsck", "--full") == ""
        assert user.must("cat", "common:best", "config.json") == "{}"
    with Repository.open(repository) as repo:
        entries = [entry for entry in repo.history() if entry.changes]
    assert {entry.who for entry in entries} == {f"uid{ann.uid}", f"uid{bob.uid}"}
    assert_open_to_group(repository)


@pytest.mark.parametrize("step", [pytest.param(1, marks=pytest.mark.slow), 8])
def test_wherever_one_user_is_killed_the_other_goes_on(team: Any, step: int) -> None:
    ann, bob, repository = team
    subprocess.run(["cp", "-a", repository, repository.parent / "empty"], check=True)
    killed, points = -9, 0
    while killed:
        points += 1
        subprocess.run(["rm", "-r", repository], check=True)
        subprocess.run(["cp", "-a", repository.parent / "empty", repository], check=True)
        killed = ann("log", "one", "-a", "a", "--alias", "best", killed_at=1 + (points - 1) * step).code

        assert killed in (0, -9)
        assert bob.must("log", "two", "-a", "a", "--alias", "best") in ("a:v0\n", "a:v1\n")
        assert_open_to_group(repository, unfinished=True)
    assert bob.must("fsck", "--full") == ""
    assert points > 40 / step


@pytest.mark.parametrize("umask", ["022", "027", "077"])
def test_without_sharing_the_umask_decides(people: Any, umask: str) -> None:
    ann, _, work = people
    ann.umask = umask
    ann.must("init")
    ann.must("log", "one", "-a", "a", "--alias", "best", "--link", "M")
    ann.must("log", "two", "-a", "a")
    ann.must("rm", "a:v1")
    ann.must("gc", "--grace", "0")

    for name, mode in modes_of(work / ".mreg").items():
        base = 0o777 if stat.S_ISDIR(mode) else 0o666 if name == ".mreg/lock" else 0o444
        assert mode & 0o777 == base & ~int(umask, 8), f"{name}: {stat.filemode(mode)}"


@pytest.mark.parametrize("user_may_read", [True, False])
def test_where_it_is_not_shared_the_other_is_told_how_to_share_it(people: Any, user_may_read: bool) -> None:
    ann, bob, work = people
    ann.umask = "022" if user_may_read else "027"
    if not user_may_read:
        bob.groups = ""
    bob.safe = str(work)
    ann.must("init")
    ann.must("log", "one", "-a", "a")
    before = modes_of(work / ".mreg")

    for command in ("log one -a a --alias best", "log one -a b", "alias set best a:v0", "rm a:v0", "gc --grace 0"):
        refused = bob(*command.split())
        assert (refused.code, refused.out) == (1, ""), (command, refused)
        assert "error: permission denied" in refused.errors
        assert "`mreg config set core.shared group`" in refused.errors

    assert bob("ls").code == (0 if user_may_read else 1)
    assert modes_of(work / ".mreg") == before


def test_a_repository_is_shared_later(people: Any) -> None:
    ann, bob, work = people
    bob.safe = str(work)
    ann.must("init")
    ann.must("log", "one", "-a", "a", "--alias", "best")
    assert bob("ls").code == 1

    assert ann("config", "set", "core.shared", "group") == (0, "", "core.shared is group now\n")

    assert_open_to_group(work / ".mreg")
    assert bob.must("log", "one", "-a", "b") == "b:v0\n"
    assert bob.must("log", "two", "-a", "a", "--alias", "best") == "a:v1\n"
    assert ann.must("fsck", "--full") == ""
    assert_open_to_group(work / ".mreg")


def test_what_belongs_to_others_is_told_when_it_is_shared_later(people: Any) -> None:
    ann, bob, work = people
    ann.umask = bob.umask = "002"
    bob.safe = str(work)
    ann.must("init")
    ann.must("log", "one", "-a", "a")
    bob.must("log", "two", "-a", "b")  # the folders of Ann, who is careless, are the group's
    foreign = work / ".mreg" / "artifacts" / "b"
    foreign.chmod(0o755)

    partly = ann("--json", "config", "set", "core.shared", "group")

    assert (partly.code, partly.error["code"], partly.error["count"]) == (1, "not-all-shared", 1)
    assert partly.error["paths"] == [str(foreign)]
    assert "mreg config set core.shared group" in partly.error["hint"]
    assert ann.must("config", "get", "core.shared") == "group\n"
    assert bob("config", "set", "core.shared", "group").code == 0
    assert_open_to_group(work / ".mreg")


def test_a_program_that_has_it_open_shares_it_from_then_on(people: Any) -> None:
    ann, _, work = people
    ann.must("init")
    before = os.umask(0o077)
    try:
        with Repository.open(work) as repo:  # root, who may write to what is Ann's when it is listed
            os.environ["MREG_SAFE"] = str(work)
            ann.must("config", "set", "core.shared", "group")
            repo.log(work / "one", "a")
    finally:
        os.umask(before)
        del os.environ["MREG_SAFE"]

    assert_open_to_group(work / ".mreg")


def test_init_shared_from_python(people: Any) -> None:
    ann, bob, work = people
    before = os.umask(0o077)
    try:
        Repository.init(work, shared=True).close()
    finally:
        os.umask(before)

    assert_open_to_group(work / ".mreg")
    assert bob.must("log", "one", "-a", "a") == "a:v0\n"  # what is root's needs no listing
    assert ann.must("log", "two", "-a", "a") == "a:v1\n"


def test_init_shared_where_there_is_a_repository_changes_nothing(people: Any) -> None:
    ann, _, work = people
    ann.must("init")
    before = modes_of(work / ".mreg")

    again = ann("init", "--shared")

    assert again.code == 0
    assert "there is already a repository" in again.errors
    assert "`mreg config set core.shared group` shares it" in again.errors
    assert modes_of(work / ".mreg") == before


def test_sharing_is_one_of_two_words(mreg: Any, unchanged: Any) -> None:
    with unchanged():
        assert mreg("config", "set", "core.shared", "everybody").code == 2
    assert mreg.must("config", "get", "core.shared") == "umask\n"
