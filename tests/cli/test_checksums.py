"""`mreg files --digest` prints what `sha256sum -c` and its like check, whatever files are called."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

ODD = ["plain.txt", "two words", "new\nline", "back\\slash", "both\\n\nx", "sub/été", "tab\there", "esc\x1b[31m"]


@pytest.mark.parametrize(("algorithm", "tool"), [("sha256", "sha256sum"), ("md5", "md5sum")])
def test_the_lines_are_checked_by_the_tool(mreg: Any, model: Any, tmp_path: Path, algorithm: str, tool: str) -> None:
    # given
    source = model(files={name: name.encode() for name in ODD})
    mreg.must("log", source, "-a", "m")

    # when
    result = mreg("files", "m", "--digest", algorithm)

    # then
    assert (result.code, result.errors) == (0, "")
    (tmp_path / "SUMS").write_bytes(result.out.encode())
    checked = subprocess.run(
        [tool, "-c", tmp_path / "SUMS"], cwd=mreg.home / source, capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stderr) == (0, "")
    assert len(checked.stdout.splitlines()) == len(ODD)


def test_json_has_the_digest_beside_mregs_own(filled: Any) -> None:
    document = filled("--json", "files", "digits", "--digest", "md5").json

    assert [file["path"] for file in document["files"]] == ["config/arch.json", "weights.bin"]
    assert document["files"][0]["md5"] == "99914b932bd37a50b983c5e7c90ae93b"
    assert sorted(document["files"][0]) == ["digest", "executable", "md5", "path", "size"]


def test_another_algorithm_is_refused(filled: Any) -> None:
    result = filled("files", "digits", "--digest", "crc32")

    assert (result.code, result.out, result.errors) == (2, "", "error: 'crc32' is not one of blake3, sha256, md5\n")
