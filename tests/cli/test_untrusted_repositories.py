"""The repository of somebody else is read as any other, and written to only when the user has said that it is safe."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from mreg import Repository
from mreg.session.trust import Untrusted

WRITING = (
    "log two -a digits",
    "log one -a digits --alias best",
    "annotate digits:v0 -m hello",
    "alias set best digits:v0",
    "alias rm best digits",
    "alias rollback best digits",
    "link digits:v0 Other",
    "unlink Reader:v0",
    "tag add Reader x",
    "artifact create new",
    "artifact rename digits letters",
    "model rm Reader --force",
    "rm digits:v0 --force",
    "undo 1",
    "gc",
    "gc --grace 0",
    "config set gc.grace 1d",
    "config set core.shared group",
    "use digits --run r1",
)
READING = (
    "ls",
    "ls digits",
    "show digits",
    "show Reader",
    "resolve digits:best",
    "files digits",
    "cat digits weights.bin",
    "diff digits:v0 digits:v0",
    "history",
    "search digits",
    "tag ls",
    "alias ls",
    "du",
    "fsck --full",
    "gc --dry-run",
    "log two -a digits --dry-run",
    "config ls",
    "use digits",
)


def content_of(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """Owner, mode and bytes of all that lies below the folder."""
    found = {}
    for path in folder.rglob("*"):
        status = path.lstat()
        data = path.read_bytes() if stat.S_ISREG(status.st_mode) else b""
        found[str(path)] = (status.st_uid, status.st_mode, data)
    return found


@pytest.fixture
def foreign(people: Any) -> Any:
    """Bob, the folder, and what Ann has put there to be found: a repository that anybody can write to."""
    ann, bob, work = people
    ann.umask = "000"
    ann.must("init")
    ann.must("log", "one", "-a", "digits", "--alias", "best", "--link", "Reader")
    return ann, bob, work


def assert_untrusted(result: Any, owner: str = "41001") -> None:
    assert (result.code, result.out) == (6, ""), result
    assert f".mreg belongs to the account {owner}: it is read-only until you declare it safe" in result.errors
    assert "`mreg config set --user safe.directory '" in result.errors


def test_it_is_read_and_not_written_to(foreign: Any) -> None:
    _, bob, work = foreign
    before = content_of(work / ".mreg")

    for line in READING:
        assert bob(*line.split()).code == 0, line
    for line in WRITING:
        assert_untrusted(bob(*line.split()))

    assert content_of(work / ".mreg") == before
    assert bob("--json", "rm", "digits:v0", "--force").error["location"] == str(work / ".mreg")


def test_the_hint_is_the_command_that_helps(foreign: Any) -> None:
    _, bob, work = foreign
    hint = bob("log", "two", "-a", "digits").errors.splitlines()[-1]
    command = hint.partition("`mreg ")[2].partition("`")[0].replace("'", "").split()

    assert bob(*command).code == 0

    assert bob.must("log", "two", "-a", "digits") == "digits:v1\n"
    assert bob.must("config", "get", "--user", "safe.directory") == f"{work / '.mreg'}\n"


@pytest.mark.parametrize("spelling", ["{work}", "{work}/.mreg", "{work}/./.mreg/", "{link}", "*"])
def test_it_is_listed_by_any_of_its_names(foreign: Any, spelling: str) -> None:
    _, bob, work = foreign
    link = work.parent / "link"
    link.symlink_to(work)
    said = spelling.format(work=work, link=link)

    bob.must("config", "set", "--user", "safe.directory", said)
    listed = bob("log", "two", "-a", "digits").code
    bob.must("config", "set", "--user", "safe.directory", "")
    cleared = bob("log", "one", "-a", "digits")

    assert listed == 0
    assert_untrusted(cleared)
    bob.safe = f"/nowhere:{said}"
    assert bob("log", "one", "-a", "digits").code == 0


@pytest.mark.parametrize("said", ["/nowhere", "{work}/one", "{work}x", "**", "."])
def test_another_name_does_not_list_it(foreign: Any, said: str) -> None:
    _, bob, work = foreign
    bob.must("config", "set", "--user", "safe.directory", said.format(work=work).replace(".", "/", said == "."))
    bob.safe = said.format(work=work).replace(".", "/", said == ".")

    assert_untrusted(bob("log", "two", "-a", "digits"))


def test_listing_adds_and_keeps_what_else_the_file_says(foreign: Any) -> None:
    _, bob, work = foreign
    file = bob.home / ".config" / "mreg" / "config.toml"
    bob.must("config", "set", "--user", "safe.directory", "/a")
    file.write_text(file.read_text() + '\n[other]\nkey = "kept"\n')
    bob.must("config", "set", "--user", "safe.directory", str(work))
    bob.must("config", "set", "--user", "safe.directory", "/a")

    listed = bob("--json", "config", "get", "--user", "safe.directory").json["value"]

    assert listed == ["/a", str(work / ".mreg")]
    assert 'key = "kept"' in file.read_text()
    assert bob("--json", "config", "ls", "--user").json == {"settings": {"safe.directory": listed}, "faults": {}}


@pytest.mark.parametrize("text", ["[safe", "safe = 1", "[safe]\ndirectory = 1", "[safe]\ndirectory = [1]", "\xff"])
def test_a_damaged_file_of_the_user_lists_nothing(foreign: Any, text: str) -> None:
    _, bob, work = foreign
    file = bob.home / ".config" / "mreg" / "config.toml"
    file.parent.mkdir(parents=True)
    file.write_bytes(text.encode("latin-1"))
    before = content_of(work / ".mreg")

    refused = bob("log", "two", "-a", "digits")

    assert (refused.code, refused.out) == (5, "")
    assert f"{file} is not a valid settings file" in refused.errors
    assert content_of(work / ".mreg") == before
    assert bob.must("resolve", "digits") == "digits:v0\n"


def test_a_config_of_somebody_else_in_a_folder_of_ones_own_is_no_better(people: Any) -> None:
    ann, _, work = people
    ann.must("init")
    os.chown(work / ".mreg" / "config.toml", 41002, -1)
    os.chmod(work / ".mreg" / "config.toml", 0o444)

    assert_untrusted(ann("log", "one", "-a", "a"), owner="41002")


def test_a_shared_repository_must_be_listed_too(people: Any) -> None:
    ann, bob, work = people
    ann.must("init", "--shared")
    before = content_of(work / ".mreg")

    assert_untrusted(bob("log", "one", "-a", "a"))

    assert content_of(work / ".mreg") == before
    bob.safe = str(work)
    bob.must("config", "set", "gc.grace", "1d")  # the config is Bob's now; Ann has let him
    assert (work / ".mreg" / "config.toml").stat().st_uid == bob.uid
    assert ann.must("log", "one", "-a", "a") == "a:v0\n"


def test_root_reads_and_writes_only_what_is_listed(foreign: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ann, _, work = foreign
    monkeypatch.delenv("SUDO_UID", raising=False)
    with Repository.open(work) as repo:
        assert repo.resolve("digits").name == "digits:v0"
        with pytest.raises(Untrusted) as caught:
            repo.set_alias("best", "digits:v0")
        assert caught.value.location == str(work / ".mreg")

    for name, value in (("SUDO_UID", str(ann.uid)), ("MREG_SAFE", str(work))):
        with monkeypatch.context() as patch, Repository.open(work) as repo:
            patch.setenv(name, value)
            repo.set_alias(name.lower(), "digits:v0")
    with monkeypatch.context() as patch, Repository.open(work) as repo, pytest.raises(Untrusted):
        patch.setenv("SUDO_UID", "41002")
        repo.set_alias("other", "digits:v0")
    assert [alias.alias for alias in Repository.open(work).aliases("digits")] == ["best", "mreg_safe", "sudo_uid"]


def test_sudo_is_believed_by_root_only(foreign: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ann, bob, _ = foreign
    monkeypatch.setenv("SUDO_UID", str(ann.uid))

    assert_untrusted(bob("log", "two", "-a", "digits"))


def test_a_refusal_comes_before_anything_of_the_files_is_stored(foreign: Any) -> None:
    _, bob, work = foreign
    (work / "two" / "secret.bin").write_bytes(os.urandom(1 << 20))

    assert_untrusted(bob("log", "two", "-a", "digits"))

    assert list((work / ".mreg" / "tmp").iterdir()) == []


def test_there_is_one_setting_of_a_user(mreg: Any) -> None:
    assert mreg("config", "set", "--user", "gc.grace", "1d").code == 3
    assert mreg("config", "get", "--user", "safe.directories").code == 3
    assert mreg("config", "set", "safe.directory", "/a").code == 3
