"""`mreg remote …`, and what `REMOTE/NAME` means in commands that read."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

REFUSED = "is in a remote: this command needs a version of this repository"


@pytest.fixture
def team(bare: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """A repository, and beside it another one, called `team`, that has versions."""
    monkeypatch.setenv("MREG_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    (bare.home / "ckpt").mkdir()
    (bare.home / "ckpt" / "w.bin").write_bytes(b"w" * 5000)
    (bare.home / "ckpt" / "c.json").write_bytes(b"{}")
    bare.must("--repo", "elsewhere", "init")
    bare.must("--repo", "elsewhere", "log", "ckpt", "-a", "mnist", "--alias", "best", "--meta", "acc=1", "-m", "first")
    (bare.home / "ckpt" / "c.json").write_bytes(b"{1}")
    bare.must("--repo", "elsewhere", "log", "ckpt", "-a", "mnist", "--meta", "acc=2", "--link", "digits:prod")
    bare.must("init")
    bare.must("remote", "add", "team", "elsewhere")
    return bare


def lines(text: str) -> list[list[str]]:
    return [line.split("\t") for line in text.splitlines()]


def test_a_remote_is_added_changed_listed_removed_and_brought_back(team: Any) -> None:
    place, other = str(team.home / "elsewhere"), str(team.home / "other")

    assert lines(team.must("remote", "ls")) == [["team", place, "repository", ""]]
    again = team("remote", "add", "team", "elsewhere")
    assert (again.code, again.errors) == (0, f"team is {place} already\n")
    taken = team("remote", "add", "team", "other")
    assert (taken.code, taken.errors) == (
        6,
        f"error: the remote 'team' exists already: {place}\n"
        "hint: `mreg remote set team LOCATION` gives it another location\n",
    )
    assert team("remote", "set", "team", "other").errors == f"team is {other}\n"
    gone = team("remote", "rm", "team")
    assert (gone.code, gone.out, gone.errors) == (0, "", "removed the remote team\n`mreg undo 3` restores it\n")
    assert team("remote", "ls").errors == "no remotes yet: add one with `mreg remote add NAME LOCATION`\n"
    team.must("undo", "3")
    assert lines(team.must("remote", "ls")) == [["team", other, "repository", ""]]
    assert [row[4] for row in lines(team.must("history"))] == [
        "remote.team",
        "remote.team",
        "remote.team",
        "entry 3 undone",
        "remote.team",
    ]


def test_remotes_of_ones_own_are_there_in_every_repository(team: Any) -> None:
    team.must("remote", "add", "mine", "elsewhere", "--user")
    team.must("--repo", "third", "init")

    assert team.must("--repo", "third", "resolve", "mine/mnist") == "mine/mnist:v1\n"
    assert lines(team.must("--repo", "third", "remote", "ls")) == [["mine", str(team.home / "elsewhere"), "yours", ""]]
    team.must("remote", "rm", "mine", "--user")
    assert team("--repo", "third", "resolve", "mine/mnist").code == 3


@pytest.mark.parametrize(
    "location",
    [
        "s3://ann:hunter2@models/x",
        "s3://models/x?key=hunter2",
        "ssh://ann:hunter2@host/srv",
        "https://ann:hunter2@host/models",
        "https://host/models?token=hunter2",
        "https://host/models#hunter2",
        "http://models.example.org/x",
        "ftp://host/hunter2",
        "s3://models/a\nb",
        "",
    ],
)
@pytest.mark.parametrize("user", [[], ["--user"]])
def test_locations_with_credentials_and_such_that_cannot_be_opened_are_not_kept(
    team: Any, location: str, user: list[str]
) -> None:
    done = team("remote", "add", "other", location, *user)

    assert (done.code, done.out) == (2, "")
    assert (
        done.errors.startswith("error: ")
        and "\nhint: " in done.errors
        and "hunter2" not in done.errors.replace("ftp://host/hunter2", "")
    )
    assert [row[0] for row in lines(team.must("remote", "ls"))] == ["team"]


@pytest.mark.parametrize("name", ["caf\udce9", "two\nlines", "50%\t"])
def test_a_folder_that_no_text_can_name_is_kept_as_a_url(team: Any, name: str) -> None:
    shutil.copytree(team.home / "elsewhere", team.home / name)

    team.must("remote", "add", "odd", name)

    kept = next(row[1] for row in lines(team.must("remote", "ls")) if row[0] == "odd")
    assert kept == (team.home / name).as_uri() and kept.isascii()
    assert team("resolve", "odd/mnist:best") == (0, "odd/mnist:v0\n", "")
    assert team("--repo", kept, "resolve", "mnist:best").out == "mnist:v0\n"


def test_commands_that_read_take_references_into_a_remote(team: Any) -> None:
    assert team("resolve", "team/mnist:best") == (0, "team/mnist:v0\n", "")
    assert team("--json", "resolve", "team/digits:prod").json == {
        "name": "team/mnist:v1",
        "artifact": "mnist",
        "number": 1,
        "digest": team("--json", "--repo", "elsewhere", "resolve", "mnist:v1").json["digest"],
        "model": "digits",
        "link": 0,
        "remote": "team",
    }
    for command in (
        ["ls", "{}mnist"],
        ["ls", "{}digits"],
        ["ls", "{}"],
        ["ls", "{}mnist", "--where", "acc > 1", "--columns", "acc"],
        ["ls", "{}mnist", "--at", "1"],
        ["show", "{}mnist"],
        ["show", "{}digits"],
        ["show", "{}mnist:best"],
        ["files", "{}mnist:best"],
        ["files", "{}mnist:best", "--digest", "sha256"],
        ["cat", "{}mnist:best", "c.json"],
        ["card", "{}digits"],
        ["history", "{}"],
        ["history", "{}mnist:best"],
        ["search", "--in", "{}", "--where", "acc = 2"],
        ["search", "--in", "{}mnist", "--count"],
        ["metrics", "{}mnist", "acc"],
        ["lineage", "{}mnist:best"],
        ["alias", "ls", "{}digits"],
        ["diff", "{}mnist:v0", "{}mnist:v1"],
    ):
        here = team(*(word.format("team/") for word in command))
        there = team(*(word for word in ["--repo", "elsewhere", *(part.format("") for part in command)] if word))
        if command[0] == "search" and "" in [part.format("") for part in command]:
            there = team("--repo", "elsewhere", "search", "--where", "acc = 2")
        assert here.code == there.code == 0, (command, here, there)
        assert here.out == there.out, command
    team.must("export", "team/mnist:best", "--oci", "layout")
    team.must("get", "team/mnist:best", "-o", "out")
    assert (team.home / "out" / "c.json").read_bytes() == b"{}"
    assert team("diff", "team/mnist:best", "./out").out == ""


def test_a_ready_copy_is_shared_with_the_remote(team: Any) -> None:
    first = team.must("--repo", "elsewhere", "use", "mnist:v1")

    assert team.must("use", "team/mnist:v1") == first


def test_versions_here_and_in_a_remote_are_compared(team: Any) -> None:
    team.must("log", "ckpt", "-a", "mine")

    same = team("diff", "team/mnist:v1", "mine:v0", "--files")
    assert (same.code, same.out, same.errors) == (0, "", "the files of team/mnist:v1 and mine:v0 do not differ\n")
    told = team("--json", "diff", "team/mnist:v0", "mine:v0").json
    assert [one["before"]["path"] for one in told["changed"]] == ["c.json"]
    assert (told["before"], told["after"]) == ("team/mnist:v0", "mine:v0")


def test_what_writes_refuses_what_is_in_a_remote(team: Any) -> None:
    for line in (
        "alias set best team/mnist:v0",
        "link team/mnist:v0 Model",
        "annotate team/mnist:v0 -m x",
        "rm team/mnist:v0",
        "unlink team/digits:v0",
        "use team/mnist:v0 --run r",
        "tag add team/mnist:v0 x",
    ):
        done = team(*line.split())
        assert (done.code, done.out) == (6, ""), (line, done)
        name = "team/digits:v0" if "digits" in line else "team/mnist:v0"
        assert done.errors == f"error: {name!r} {REFUSED}\nhint: pull it first: `mreg pull {name}`\n", line
    assert len(team.must("history").splitlines()) == 1
    assert len(team("--json", "--repo", "elsewhere", "history").json["entries"]) == 2


@pytest.mark.parametrize(
    "line",
    [
        "tag add team/digits x",
        "artifact rename team/mnist other",
        "model create team/digits",
        "alias rm best team/mnist",
        "alias rollback best team/mnist",
        "card team/digits --file ckpt/c.json",
        "log ckpt -a team/mnist",
    ],
)
def test_what_changes_a_name_is_not_led_to_one_of_this_repository(team: Any, line: str) -> None:
    done = team(*line.split())

    assert (done.code, done.out) == (2, "")
    hint = done.errors.splitlines()[-1]
    assert hint == "hint: this command takes no name in a remote; `--repo` chooses another repository"


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("resolve team/mnist:v9", "list the versions with `mreg ls team/mnist`"),
        ("pull team/mnist:v9", "list the versions with `mreg ls team/mnist`"),
        ("pull team mnist:v9", "list the versions with `mreg ls team/mnist`"),
        ("pull team team/mnist:v9", "list the versions with `mreg ls team/mnist`"),
        ("use team/mnist:zzz", "list its aliases with `mreg alias ls team/mnist`"),
        ("diff team/mnist:v0 team/mnist:v9", "list the versions with `mreg ls team/mnist`"),
        ("cat team/mnist:v0 nothing", "list the files with `mreg files team/mnist:v0`"),
        ("get team/mnist:v0 --include nothing", "list the files with `mreg files team/mnist:v0`"),
        ("history team/mnist:v0", "write NAME, NAME:vN, NAME:ALIAS or NAME:@DIGEST"),
        ("show team/mnist@best", "write `mreg show team/mnist:best`"),
        ("resolve mnist:v9", "list what exists with `mreg ls`"),
    ],
)
def test_a_hint_is_about_the_remote_that_was_asked(team: Any, line: str, hint: str) -> None:
    done = team(*line.split())

    assert (done.code in (2, 3), done.out) == (True, "")
    assert done.errors.splitlines()[-1] == f"hint: {hint}"


def test_a_hint_about_this_repository_names_no_remote(team: Any) -> None:
    team.must("log", "ckpt", "-a", "mnist")

    done = team("diff", "team/mnist:v0", "mnist:v9")

    assert done.errors.splitlines()[-1] == "hint: list the versions with `mreg ls mnist`"


def test_references_of_a_pull_may_repeat_the_remote(team: Any) -> None:
    assert team.must("pull", "team", "mnist:v0", "team/mnist:v1") == "mnist:v0\nmnist:v1\n"


def test_a_mirror_is_made_at_a_remote(team: Any) -> None:
    team.must("log", "ckpt", "-a", "mnist")
    team.must("remote", "add", "backup", "far/away")

    assert team.must("mirror", "backup") == f"{team.home}/far/away/.mreg\n"

    assert not (team.home / "backup").exists()
    assert team.must("resolve", "backup/mnist") == "backup/mnist:v0\n"


def test_an_input_in_a_remote_is_kept_by_its_digest(team: Any) -> None:
    digest = team("--json", "resolve", "team/mnist:best").json["digest"]

    team.must("log", "ckpt", "-a", "tuned", "--input", "team/mnist:best")

    assert team("--json", "show", "tuned:v0").json["inputs"] == [{"reference": "mnist:v0", "version": digest}]
    assert team("fsck", "--full").code == 0


@pytest.mark.parametrize("line", ["remote rm {}", "remote set {} elsewhere"])
def test_a_remote_of_the_other_kind_is_told_with_the_option(team: Any, line: str) -> None:
    team.must("remote", "add", "mine", "elsewhere", "--user")

    own, of_repository = team(*line.format("mine").split()), team(*line.format("team").split(), "--user")

    assert (own.code, of_repository.code) == (3, 3)
    assert own.errors == "error: there is no remote 'mine'\nhint: it is one of your own: add `--user`\n"
    hint = "it is one of the repository: leave out `--user`"
    assert of_repository.errors == f"error: there is no remote 'team'\nhint: {hint}\n"


@pytest.mark.parametrize("name", ["tem/mnist", "tem/"])
def test_an_unknown_remote_is_told_with_the_nearest_one(team: Any, name: str) -> None:
    done = team("ls", name)

    assert (done.code, done.out) == (3, "")
    assert done.errors == "error: there is no remote 'tem'\nhint: did you mean `team`?\n"


@pytest.mark.parametrize("command", [["pull", "team", "--all"], ["clone", "elsewhere", "copy"], ["ls", "team/"]])
def test_damaged_settings_of_a_remote_are_told_as_those_of_the_remote(team: Any, command: list[str]) -> None:
    (team.home / "elsewhere" / ".mreg" / "config.toml").write_text("<html>")

    done = team(*command)

    assert done.code == 5
    assert f"error: {team.home}/elsewhere is damaged: config.toml is damaged: " in done.errors
    assert f"--repo {team.home}/elsewhere`" in done.errors
    assert not (team.home / "copy").exists()


def test_remotes_in_a_repository_of_somebody_else_are_not_followed(team: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder away")
    os.chown(team.home / ".mreg", 12345, -1)

    done = team("resolve", "team/mnist:best")

    assert (done.code, done.out) == (6, "")
    assert done.errors == (
        "error: the remote 'team' is ignored: the account 12345 can change it, in "
        f"{team.home / '.mreg'}\nhint: store it in your own settings: `mreg remote add team LOCATION --user`\n"
    )
    assert lines(team.must("remote", "ls")) == [["team", str(team.home / "elsewhere"), "repository", "not followed"]]
    team.must("config", "set", "--user", "safe.directory", str(team.home))
    assert team.must("resolve", "team/mnist:best") == "team/mnist:v0\n"


def test_what_other_hands_wrote_into_the_settings_is_no_remote(team: Any) -> None:
    config = Path(os.environ["XDG_CONFIG_HOME"]) / "mreg" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text('[remote]\nbad = 7\n"a b" = "/x"\nkey = "s3://ann:hunter2@models/x"\nfine = "/srv"\n')

    done = team("remote", "ls")

    assert (done.code, done.errors) == (0, "")
    assert [row[:2] for row in lines(done.out)] == [["fine", "/srv"], ["team", str(team.home / "elsewhere")]]


def test_a_repair_takes_what_is_damaged_from_a_remote_by_its_name(team: Any) -> None:
    team.must("pull", "team", "mnist:best")
    [pack] = (team.home / ".mreg" / "packs").rglob("*.pack")
    pack.chmod(0o644)
    pack.write_bytes(b"nonsense")
    assert team("fsck")[0] == 5

    done = team("fsck", "--repair", "--full", "--from", "team")

    assert done.code == 0, done
    assert team("fsck", "--full")[0] == 0
    mistyped = team("fsck", "--repair", "--from", "taem")
    assert mistyped.code == 3 and mistyped.errors.endswith("hint: did you mean `team`?\n")


def test_a_repair_of_lost_settings_takes_a_folder_by_its_path(team: Any) -> None:
    team.must("mirror", "copy")
    (team.home / ".mreg" / "config.toml").unlink()

    done = team("fsck", "--repair", "--from", "copy")

    assert done.code == 0, done
    assert "team" in team("remote", "ls").out
