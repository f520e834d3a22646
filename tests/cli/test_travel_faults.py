"""What `push`, `pull`, `clone` and `bundle create` say where something is wrong, in one sentence each."""

from __future__ import annotations

import http.server
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from web_server import WebServer


@pytest.fixture
def two(bare: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """A repository with one version, and beside it an empty one, `other`."""
    monkeypatch.setenv("MREG_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    (bare.home / "ckpt").mkdir()
    (bare.home / "ckpt" / "w.bin").write_bytes(os.urandom(50_000))
    for line in ("init", "init other", "log ckpt -a mnist", "remote add team other"):
        bare.must(*line.split())
    return bare


def damage(folder: Path, at: int | None = None) -> None:
    for file in folder.rglob("*"):
        if file.is_file():
            file.chmod(0o644)
            data = bytearray(file.read_bytes())
            data[len(data) // 2 if at is None else at] ^= 1
            file.write_bytes(data)


@pytest.mark.parametrize("part", ["packs", "objects"])
@pytest.mark.parametrize("line", ["pull .. mnist:v0", "clone .. copy"])
def test_damage_of_the_source_is_told_as_that_of_the_source(two: Any, part: str, line: str) -> None:
    damage(two.home / ".mreg" / part)

    failed = two("-C", "other", *line.split())

    assert (failed.code, failed.out) == (5, "")
    assert failed.errors.startswith(f"error: {two.home}/.mreg is damaged: ")
    assert f"hint: run `mreg fsck --full --repo {two.home}/.mreg` to list all" in failed.errors


def test_damage_of_the_side_that_is_pushed_to_is_told_as_that_of_that_side(two: Any) -> None:
    two.must("push", "team", "mnist:v0")
    (two.home / "ckpt" / "w.bin").write_bytes(os.urandom(60_000))
    two.must("log", "ckpt", "-a", "mnist")
    damage(two.home / "other" / ".mreg" / "journal", at=-1)
    shutil.rmtree(two.home.parent / "cache", ignore_errors=True)

    pushed = two("push", "team", "--all")

    assert (pushed.code, pushed.out) == (5, "")
    assert pushed.errors.startswith(f"error: {two.home}/other/.mreg is damaged: ")
    assert f"hint: run `mreg fsck --full --repo {two.home}/other/.mreg` to list all" in pushed.errors
    assert two("fsck", "--full").code == 0


def test_damage_of_ones_own_is_told_as_that_of_this_repository(two: Any) -> None:
    damage(two.home / ".mreg" / "packs")

    failed = two("push", "team", "mnist:v0")

    assert (failed.code, failed.out) == (5, "")
    assert failed.errors.startswith("error: chunk ")


class LoginPage(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        body = b"<html><form>Please log in</form></html>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def test_a_login_page_in_place_of_a_repository_is_told(two: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with WebServer(("127.0.0.1", 0), LoginPage) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/models"

        failed = two("pull", url, "mnist:v0")
        server.shutdown()

    assert (failed.code, failed.out) == (1, "")
    assert failed.errors.startswith(f"error: {url} sends a web page, such as a login page, instead of a file\n")


def test_a_location_with_a_slash_is_not_cut_in_hints(two: Any) -> None:
    failed = two("remote", "add", "a/b", "../other")

    assert (failed.code, failed.out) == (2, "")
    assert "hint: write `a-b`" in failed.errors


def test_a_mistyped_remote_is_told_with_the_nearest_one(two: Any) -> None:
    failed, unlike = two("push", "taem", "mnist:v0"), two("pull", "nowhere", "mnist:v0")

    assert (failed.code, failed.out, failed.errors) == (
        3,
        "",
        f"error: there is no remote 'taem', and no repository at {two.home}/taem\nhint: did you mean `team`?\n",
    )
    assert unlike.code == 3
    assert unlike.errors.endswith(
        "hint: list remotes with `mreg remote ls`, or add one with `mreg remote add nowhere LOCATION`\n"
    )


def test_nothing_to_fetch_is_told_in_the_words_of_the_command(two: Any) -> None:
    pull, push, bundle = two("pull", "team"), two("push", "team"), two("bundle", "create", "b")

    assert [one.code for one in (pull, push, bundle)] == [2, 2, 2]
    assert pull.errors.startswith("error: there is nothing to fetch: no version is named\n")
    assert push.errors.startswith("error: there is nothing to send: no version is named\n")
    assert bundle.errors.startswith("error: there is nothing to write: no version is named\n")


def test_a_bundle_of_what_is_known_already_is_not_needed(two: Any) -> None:
    two.must("bundle", "create", "b", "--all")

    failed = two("bundle", "create", "c", "--all", "--since", "b")

    assert (failed.code, failed.out) == (2, "")
    reason = f"there is nothing to write: {two.home}/b has all of it"
    assert failed.errors == f"error: {reason}\nhint: no bundle is needed\n"


@pytest.mark.parametrize(
    "line",
    [
        ["push", "", "--all"],
        ["pull", "", "--all"],
        ["mirror", ""],
        ["clone", ""],
        ["clone", "..", ""],
        ["bundle", "create", "b", "--all", "--since", ""],
        ["fsck", "--repair", "--from", ""],
    ],
    ids=" ".join,
)
def test_an_empty_location_is_not_the_working_folder(two: Any, line: list[str]) -> None:
    (two.home / "work").mkdir()
    two.must("init", "work/here")

    failed = two("-C", "work", "--repo", "here", *line)

    assert (failed.code, failed.out) == (2, "")
    assert failed.errors.startswith("error: '' is not a valid location: it is empty\n")
    assert os.listdir(two.home / "work") == ["here"]


def test_a_proposed_name_is_one_that_works(two: Any) -> None:
    two.must("--repo", "other", "model", "create", "mnist")
    two.must("--repo", "other", "model", "create", "taken")

    first = two("push", "team", "mnist:v0")
    second = two("push", "team", "mnist:v0", "--as", "mnist=taken")

    assert (first.code, second.code) == (6, 6)
    assert first.errors.endswith("hint: repeat the command with `--as mnist=mnist-2`\n")
    assert second.errors.endswith("hint: repeat the command with `--as mnist=taken-2`\n")
    assert two.must("push", "team", "mnist:v0", "--as", "mnist=taken-2") == "taken-2:v0\n"


def test_a_bundle_that_could_not_be_begun_leaves_nothing(two: Any) -> None:
    failed = two("bundle", "create", "b", "nothing:v0")

    assert (failed.code, failed.out) == (3, "")
    assert not list(two.home.glob("b*"))


def test_a_bundle_is_pulled_by_the_name_of_a_remote_and_never_pushed_to(two: Any) -> None:
    two.must("bundle", "create", "b", "mnist:v0")
    two.must("--repo", "other", "remote", "add", "stick", "b")

    failed = two("push", "b", "mnist:v0")

    assert (failed.code, failed.out, failed.errors) == (
        6,
        "",
        "error: b is a bundle; bundles cannot be changed\n"
        "hint: write a new one: `mreg bundle create FILE REFERENCE… --since b`\n",
    )
    assert two("--repo", "other", "push", "stick", "--all").code == 6
    assert two.must("--repo", "other", "pull", "stick") == "mnist:v0\n"


@pytest.fixture
def full(two: Any) -> Iterator[Path]:
    """A repository on a disk on which 50 kB have no room any more."""
    place = two.home / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", str(place)]
    made = subprocess.run(mount, capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip(f"cannot mount a tmpfs: {made.stderr.strip()}")
    two.must("init", "small")
    (place / "filler").write_bytes(bytes(64 << 10))
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.mark.parametrize("line", ["push small mnist:v0", "--repo small pull . mnist:v0"])
def test_a_full_disk_of_the_side_that_receives_is_named_and_leaves_nothing(two: Any, full: Path, line: str) -> None:
    failed = two(*line.split())

    assert (failed.code, failed.out) == (1, "")
    assert failed.errors.startswith(f"error: the disk is full ({full}/.mreg/tmp)\nhint: free some space")
    assert two.must("--repo", "small", "ls") == ""
    (full / "filler").unlink()
    assert two.must(*line.split()) == "mnist:v0\n"
    assert two("--repo", "small", "fsck", "--full").code == 0


def test_a_full_disk_is_told_with_the_path_of_the_bundle(two: Any, full: Path) -> None:
    (full / "more").write_bytes(bytes(16 << 10))

    failed = two("bundle", "create", "small/b", "mnist:v0")

    assert (failed.code, failed.out) == (1, "")
    assert failed.errors.startswith("error: the disk is full (small/b.part)\nhint: free some space")
    assert not list(full.glob("b*"))


def test_the_summary_of_a_push_stands_on_two_lines_so_that_a_terminal_is_wide_enough(two: Any) -> None:
    two.must("init", "a-rather-long-name-of-a-folder")

    done = two("push", "a-rather-long-name-of-a-folder", "mnist:v0")

    assert done.code == 0
    first, second = done.errors.splitlines()[:2]
    assert first == f"1 version sent to {two.home}/a-rather-long-name-of-a-folder/.mreg"
    assert second.startswith("  ") and second.endswith(" in 1 chunk")


def test_each_entry_of_a_push_says_something_in_the_history(two: Any) -> None:
    two.must("push", "team", "mnist:v0")

    rows = [row.split("\t") for row in two.must("--repo", "other", "history").splitlines()]

    assert [row[4:6] for row in rows if row[0] == "1"] == [["data", "arrived for push mnist:v0"]]
