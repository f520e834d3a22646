"""What people meet when the disk cannot read a file of the repository, or a folder stands in its place: strace makes
the reading system calls of a real process fail."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

READS = "read,pread64,readv,preadv,preadv2"


@pytest.fixture
def on_a_bad_disk() -> Callable[..., Any]:
    """Run `mreg`, while reading this file fails."""
    if shutil.which("strace") is None:
        pytest.skip("there is no strace")
    probe = ["strace", "-o", "/dev/null", "-e", "inject=getppid:error=EIO", sys.executable, "-c", ""]
    done = subprocess.run(probe, capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"strace may not trace here: {done.stderr.decode(errors='replace')[-200:]}")

    def on_a_bad_disk(mreg: Any, bad: Path, *command: str) -> Any:
        inject = ["-e", f"trace={READS}", "-e", f"inject={READS}:error=EIO", "-P", str(bad)]
        line = ["strace", "-f", "-o", "/dev/null", *inject, *mreg.line(*command)]
        done = subprocess.run(line, cwd=mreg.home, capture_output=True, text=True, timeout=300, check=False)
        assert "Traceback" not in done.stderr, done.stderr
        return done

    return on_a_bad_disk


@pytest.fixture
def copied(filled: Any) -> Any:
    """With a copy of the repository in `copy`."""
    shutil.copytree(filled.home / ".mreg", filled.home / "copy" / ".mreg")
    return filled


def test_a_pack_that_cannot_be_read_is_one_finding(copied: Any, on_a_bad_disk: Callable[..., Any]) -> None:
    pack = max((copied.home / ".mreg" / "packs").rglob("*.pack"), key=lambda path: path.stat().st_mtime_ns)
    key = pack.relative_to(copied.home / ".mreg").as_posix()

    found = on_a_bad_disk(copied, pack, "fsck", "--full")
    refused = on_a_bad_disk(copied, pack, "get", "digits:v1", "-o", "out")
    partly = on_a_bad_disk(copied, pack, "get", "digits:v1", "-o", "out", "--partial")
    other = on_a_bad_disk(copied, pack, "get", "digits:v0", "-o", "first")

    assert found.returncode == 5
    assert f"pack\t{key}" in found.stdout
    assert "it cannot be read (Input/output error)" in found.stdout
    assert "digits:v1" in found.stdout
    assert "digits:v0" not in found.stdout
    assert refused.returncode == 5
    assert partly.returncode == 5
    assert [path.name for path in (copied.home / "out").rglob("*") if path.is_file()] == ["arch.json"]
    assert other.returncode == 0


def test_what_cannot_be_read_is_put_back_from_a_copy(copied: Any, on_a_bad_disk: Callable[..., Any]) -> None:
    for pattern in ("packs/**/*.pack", "objects/*/*", "aliases/digits/best", "journal/000000/000000001.json"):
        bad = sorted((copied.home / ".mreg").glob(pattern))[0]
        before = bad.read_bytes()

        mended = on_a_bad_disk(copied, bad, "fsck", "--full", "--repair", "--from", "copy")

        assert "repaired" in mended.stderr, pattern
        assert bad.read_bytes() == before
        assert copied("fsck", "--full").code == 0  # read by a disk that can


def test_a_ref_that_cannot_be_read_is_named(filled: Any, on_a_bad_disk: Callable[..., Any]) -> None:
    bad = filled.home / ".mreg" / "aliases" / "digits" / "best"

    done = on_a_bad_disk(filled, bad, "resolve", "digits:best")

    assert done.returncode == 5
    assert done.stdout == ""
    assert "error: ref aliases/digits/best is damaged: it cannot be read (Input/output error)" in done.stderr
    assert on_a_bad_disk(filled, bad, "resolve", "digits:v0").stdout == "digits:v0\n"


@pytest.mark.parametrize("key", ["journal/applied", "aliases/digits/best", "artifacts/digits/v0"])
def test_a_folder_in_the_place_of_a_file_is_named_until_somebody_takes_it_away(copied: Any, key: str) -> None:
    place = copied.home / ".mreg" / key
    before = place.read_bytes()
    place.unlink()
    place.mkdir()

    found = copied("fsck")
    mended = copied("fsck", "--repair", "--from", "copy")
    place.rmdir()
    afterwards = copied("fsck", "--repair")

    assert (found.code, mended.code, afterwards.code) == (5, 5, 0)
    assert key in found.out
    assert "something other than a file is in its place" in found.out
    assert key in mended.out
    assert key == "journal/applied" or place.read_bytes() == before


def test_writers_refuse_where_a_folder_is_in_the_place_of_the_mark(copied: Any) -> None:
    mark = copied.home / ".mreg" / "journal" / "applied"
    mark.unlink()
    mark.mkdir()

    refused = copied("alias", "set", "worst", "digits:v1")

    assert refused.code == 5
    assert "journal/applied is not a file" in refused.errors
    assert copied("resolve", "digits:best").out == "digits:v0\n"


@pytest.mark.parametrize("pattern", ["packs/*/*.pack", "objects/*/*", "journal/000000/000000001.json"])
def test_a_repair_goes_on_where_a_folder_is_in_the_place_of_a_file(copied: Any, pattern: str) -> None:
    place = sorted((copied.home / ".mreg").glob(pattern))[0]
    place.unlink()
    place.mkdir()
    (copied.home / ".mreg" / "aliases" / "digits" / "best").unlink()

    mended = copied("fsck", "--full", "--repair", "--from", "copy")

    assert mended.code in (0, 5), mended
    assert "a bug in mreg" not in mended.errors
    if "journal" not in pattern:  # without a whole journal nobody knows what the refs are
        assert "repaired aliases/digits/best" in mended.errors


@pytest.mark.parametrize("pattern", ["packs/*/*.pack", "objects/*/*", "journal/000000/000000003.json", "aliases/*/*"])
def test_a_socket_in_the_place_of_a_file_is_a_finding_that_a_copy_mends(copied: Any, pattern: str) -> None:
    place = sorted((copied.home / ".mreg").glob(pattern))[0]
    before = place.read_bytes()
    place.unlink()
    with socket.socket(socket.AF_UNIX) as server, contextlib.chdir(place.parent):
        server.bind(place.name)

    found = copied("fsck")
    mended = copied("fsck", "--full", "--repair", "--from", "copy")

    assert found.code == 5
    assert place.relative_to(copied.home / ".mreg").as_posix() in found.out
    assert mended.code == 0, mended
    assert not place.is_socket()
    assert "packs" in pattern or place.read_bytes() == before


@pytest.mark.parametrize("folder", ["aliases/digits", "registered/Classifier", "objects", "packs"])
@pytest.mark.parametrize("what", ["file", "pipe"])
def test_what_is_no_folder_in_the_place_of_one_stops_no_other_repair(copied: Any, folder: str, what: str) -> None:
    repository = copied.home / ".mreg"
    place = repository / folder if "/" in folder else sorted((repository / folder).iterdir())[0]
    shutil.rmtree(place)
    place.write_bytes(b"junk") if what == "file" else os.mkfifo(place)
    (repository / "artifacts/digits/v0").unlink()

    found = copied("fsck")
    mended = copied("fsck", "--full", "--repair", "--from", "copy")

    assert found.code == 5
    assert "repaired artifacts/digits/v0" in mended.errors
    assert mended.code == 0 or what == "pipe", mended
    place.unlink() if what == "pipe" else None
    assert copied("fsck", "--full", "--repair", "--from", "copy").code == 0


def test_a_pipe_in_the_cache_makes_nobody_wait_and_a_folder_is_named(filled: Any, tmp_path: Path) -> None:
    filled.must("config", "set", "use.hard-links", "true")
    filled.must("use", "digits:v0")
    (cached, *_) = [path for path in (tmp_path / "cache" / "files").rglob("*") if path.is_file()]
    shutil.rmtree(tmp_path / "cache" / "versions")
    cached.unlink()
    os.mkfifo(cached)

    assert filled("use", "digits:v0").code == 0
    assert cached.is_file()

    shutil.rmtree(tmp_path / "cache" / "versions")
    cached.unlink()
    (cached / "x").mkdir(parents=True)
    refused = filled("use", "digits:v0")
    assert (refused.code, str(cached) in refused.errors) == (1, True)


def test_a_pack_that_may_not_be_read_is_in_the_way_of_no_other_version(public_home: Path, as_nobody: Any) -> None:
    for name in ("one", "two"):
        (public_home / name).mkdir()
        (public_home / name / "weights.bin").write_bytes(name.encode() * 100)
    os.chown(public_home, 65534, 65534)
    assert as_nobody("init").code == 0
    assert as_nobody("log", "one", "-a", "one").code == 0
    (pack,) = (public_home / ".mreg" / "packs").rglob("*.pack")
    assert as_nobody("log", "two", "-a", "two").code == 0
    pack.chmod(0)
    tables = list((public_home.parent / "cache").rglob("*.sqlite*"))
    assert tables
    for path in tables:
        path.unlink()

    assert as_nobody("get", "two").code == 0
    assert as_nobody("get", "one").code != 0
