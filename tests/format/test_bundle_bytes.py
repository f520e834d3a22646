"""docs/format.md, section 12: the worked bytes of a bundle are what is written, and are read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mreg.storage import bundle_file
from mreg.storage.bundle_file import BundleFile

FORMAT = (Path(__file__).parents[2] / "docs" / "format.md").read_text("utf-8")


def hexdump(data: bytes) -> str:
    lines = []
    for start in range(0, len(data), 16):
        row = data[start : start + 16]
        columns = f"{row[:8].hex(' ')}  {row[8:].hex(' ')}".strip()
        shown = "".join(chr(c) if 32 <= c < 127 else "." for c in row)
        lines.append(f"{start:08x}  {columns:<48}  |{shown}|")
    return "\n".join([*lines, f"{len(data):08x}"])


def test_the_worked_bundle_is_what_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle_file.os, "urandom", lambda count: b"\x77" * count)  # type: ignore[attr-defined]
    found = re.search(r"<!-- bundle \(hexdump\) -->\n```\n(.*?)\n```", FORMAT, re.DOTALL)
    assert found

    bundle = BundleFile.create(str(tmp_path / "b"))
    bundle.put("config.toml", b"x\n")
    bundle.finish()

    assert hexdump((tmp_path / "b").read_bytes()) == found[1]
    assert BundleFile.open(str(tmp_path / "b")).read("config.toml", 0, 9) == b"x\n"
