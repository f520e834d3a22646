"""What a refusal to flush means, and what a failure to."""

from __future__ import annotations

import ast
import errno
import os
from pathlib import Path

import pytest

import mreg
from mreg.storage.flush import MANY, flush_file_system, flush_folder, flush_tree
from mreg.testing.refusals import CALLS, refused

FOLDER, FILE, SYNCFS = CALLS["fsync of a folder"], CALLS["fsync of a file"], CALLS["syncfs"]
ROOT = Path(mreg.__file__).parent
LOST = [errno.EIO, errno.ENOSPC, errno.EDQUOT]


@pytest.mark.parametrize("error", FOLDER.answers)
def test_a_folder_that_cannot_be_flushed_is_left_to_its_file_system(tmp_path: Path, error: int) -> None:
    with refused(FOLDER, error) as asked:
        flush_folder(str(tmp_path))

    assert len(asked) == 1


@pytest.mark.parametrize("error", LOST)
def test_names_that_were_lost_are_an_error(tmp_path: Path, error: int) -> None:
    with refused(FOLDER, error), pytest.raises(OSError) as caught:
        flush_folder(str(tmp_path))

    assert caught.value.errno == error


@pytest.mark.parametrize("error", SYNCFS.answers)
def test_where_there_is_no_syncfs_each_file_is_flushed(tmp_path: Path, error: int) -> None:
    for number in range(MANY):
        (tmp_path / f"{number}").write_bytes(b"x")

    with refused(SYNCFS, error), refused(FILE, errno.EIO), pytest.raises(OSError) as caught:
        flush_tree(str(tmp_path))

    assert caught.value.errno == errno.EIO


@pytest.mark.parametrize("error", LOST)
def test_what_syncfs_lost_is_an_error(tmp_path: Path, error: int) -> None:
    """Asked again, file by file, the kernel might not tell it a second time."""
    with refused(SYNCFS, error), pytest.raises(OSError) as caught:
        flush_file_system(str(tmp_path))

    assert caught.value.errno == error


def test_a_folder_that_may_be_written_to_but_not_read_is_flushed_with_all_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed = []
    monkeypatch.setattr(os, "sync", lambda: flushed.append("all"))

    with refused(CALLS["open"], errno.EACCES, below=tmp_path):
        flush_folder(str(tmp_path))

    assert flushed == ["all"]


def test_all_flushing_is_in_one_module() -> None:
    """Else what is flushed elsewhere stops at the cache of a drive on macOS."""
    calls = {"os.fsync", "os.fdatasync", "os.sync", "libc.syncfs"}
    flushing = {
        str(path.relative_to(ROOT))
        for path in ROOT.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and ast.unparse(node) in calls
    }

    assert flushing == {"storage/flush.py"}
