"""What killed commands have left behind is told, and goes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SIZE = 3_000_000


@pytest.fixture
def left(filled: Any) -> Path:
    """A file in `tmp/` of a process that is gone."""
    script = "from mreg.storage.temporary import temporary_name; print(temporary_name())"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    path: Path = filled.home / ".mreg" / "tmp" / done.stdout.rstrip("\n")
    path.write_bytes(bytes(SIZE))
    return path


def test_du_fsck_and_gc_tell_of_it(filled: Any, left: Path) -> None:
    documents = {line: filled("--json", *line.split()).json for line in ("du", "du digits", "fsck", "gc --dry-run")}

    assert {line: document["unfinished"] for line, document in documents.items()} == dict.fromkeys(documents, SIZE)
    assert f"({SIZE} bytes)" in filled.must("du")
    for line in ("fsck", "gc --dry-run"):
        result = filled(*line.split())
        assert (result.code, "2.9 MiB of unfinished work" in result.errors) == (0, True)
    assert left.exists()


def test_gc_takes_it_away_at_once(filled: Any, left: Path) -> None:
    result = filled("--json", "gc")

    assert result.json["unfinished"] == SIZE
    assert not left.exists()
    assert "unfinished" not in filled.must("du")


def test_what_a_living_command_writes_is_told_and_stays(filled: Any, left: Path) -> None:
    from mreg.storage.temporary import temporary_name

    mine = left.rename(left.with_name(temporary_name()))

    assert filled("--json", "du").json["unfinished"] == SIZE
    assert filled("--json", "gc", "--dry-run").json["unfinished"] == 0
    assert filled("--json", "gc").json["unfinished"] == 0
    assert mine.exists()


def test_where_it_cannot_be_told_nothing_is_said_of_it(filled: Any) -> None:
    (filled.home / ".mreg" / "tmp").rmdir()
    (filled.home / ".mreg" / "tmp").symlink_to("/elsewhere")

    assert filled("--json", "du").json["unfinished"] == 0
    assert filled("--json", "fsck").json["unfinished"] == 0
