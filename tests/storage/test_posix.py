"""The file system calls whose plain form is not enough."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from mreg.storage.posix import reserve

LENGTH = 32 << 20


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reserve does nothing here")
def test_room_is_set_aside_and_not_seen(tmp_path: Path) -> None:
    with open(tmp_path / "file", "wb", buffering=0) as file:
        reserve(file.fileno(), LENGTH)
        assert os.fstat(file.fileno()).st_size == 0
        assert os.fstat(file.fileno()).st_blocks * 512 >= LENGTH

        file.write(b"abc")

    assert (tmp_path / "file").read_bytes() == b"abc"


def test_where_room_cannot_be_set_aside_nothing_happens(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    try:
        reserve(writer, LENGTH)
        os.write(writer, b"abc")
        assert os.read(reader, 10) == b"abc"
    finally:
        os.close(reader)
        os.close(writer)


def test_no_room_is_set_aside_for_short_files(tmp_path: Path) -> None:
    with open(tmp_path / "file", "wb", buffering=0) as file:
        reserve(file.fileno(), 1 << 20)

        assert os.fstat(file.fileno()).st_blocks == 0
