"""What people meet when a file of the repository is far larger than mreg writes any: it is refused before it is read.

The files are sparse, so they cost no space; reading one would cost its whole size in memory.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from mreg.storage import reading

SIZE = 4 << 30
TOO_LARGE = f"it is larger than 128 MiB ({SIZE} bytes)"

VERSION = "artifacts/digits/v0"
ALIAS = "aliases/digits/best"
LINKS = "registered/Classifier/links"
CONFIG = "config.toml"
MARK = "journal/applied"
ENTRY = "journal/000000/000000001.json"
RECORD = "objects/*/*"


@pytest.fixture
def oversized(filled: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let a file of the repository have 4 GiB; its key. Reading any of it fails the test."""
    shutil.copytree(filled.home / ".mreg", filled.home / "copy" / ".mreg")
    grown: list[Path] = []
    read = os.read

    def spy(fd: int, length: int) -> bytes:
        found = os.fstat(fd)
        assert found.st_size < SIZE, f"{grown} was read"
        return read(fd, length)

    def oversized(pattern: str) -> str:
        path = sorted((filled.home / ".mreg").glob(pattern))[0]
        path.chmod(0o644)
        os.truncate(path, SIZE)
        grown.append(path)
        monkeypatch.setattr(reading.os, "read", spy)
        return path.relative_to(filled.home / ".mreg").as_posix()

    return oversized


@pytest.mark.parametrize("pattern", [VERSION, ALIAS, LINKS, CONFIG, MARK, ENTRY, RECORD])
def test_fsck_names_an_oversized_file_without_reading_it_and_a_copy_mends_it(
    filled: Any, oversized: Any, pattern: str
) -> None:
    key = oversized(pattern)

    found = filled("fsck")
    mended = filled("fsck", "--repair", "--from", "copy")

    assert found.code == 5
    said = found.out + found.errors
    assert key in said
    assert TOO_LARGE in said
    assert mended.code == 0, mended
    assert (filled.home / ".mreg" / key).stat().st_size < 1 << 20
    assert filled("fsck").code == 0


@pytest.mark.parametrize(("pattern", "reference"), [(VERSION, "v0"), (ALIAS, "best"), (CONFIG, "v1")])
def test_resolve_names_an_oversized_file_that_it_needs(
    filled: Any, oversized: Any, pattern: str, reference: str
) -> None:
    key = oversized(pattern)

    refused = filled("resolve", f"digits:{reference}")

    assert refused.code == 5
    assert refused.out == ""
    assert key in refused.errors
    assert f"is damaged: {TOO_LARGE}" in refused.errors


@pytest.mark.parametrize("pattern", [LINKS, MARK, ENTRY, RECORD])
def test_commands_that_need_nothing_of_an_oversized_file_work(filled: Any, oversized: Any, pattern: str) -> None:
    listed = filled("ls").out
    oversized(pattern)

    assert filled("resolve", "digits:best").out == "digits:v0\n"
    again = filled("ls")
    assert (again.code, again.out) == (0, listed)


def test_ls_names_an_oversized_config(filled: Any, oversized: Any) -> None:
    oversized(CONFIG)

    refused = filled("ls")

    assert refused.code == 5
    assert f"config.toml is damaged: {TOO_LARGE}" in refused.errors


def test_a_writer_replaces_an_oversized_mark(filled: Any, oversized: Any) -> None:
    key = oversized(MARK)

    filled.must("alias", "set", "worst", "digits:v1")

    assert (filled.home / ".mreg" / key).stat().st_size < 1 << 20
    assert filled("fsck").code == 0


def test_init_does_not_overwrite_an_oversized_config(filled: Any, oversized: Any) -> None:
    key = oversized(CONFIG)

    refused = filled("init")

    assert refused.code == 5
    assert TOO_LARGE in refused.errors
    assert (filled.home / ".mreg" / key).stat().st_size == SIZE


def test_a_file_of_unknown_size_is_read_up_to_the_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some file systems say 0 for every file, and a file may grow while it is read."""
    path = tmp_path / "value"
    path.write_bytes(b"")
    monkeypatch.setattr(reading, "MAX_VALUE", 3 * reading._CHUNK)
    blocks = [b"x" * reading._CHUNK] * 4
    monkeypatch.setattr(reading.os, "read", lambda fd, length: blocks.pop()[:length])

    with pytest.raises(OSError, match="it is larger than"):
        reading.read_whole(str(path))
