"""The documentation's examples do what they show: every console and Python block of README.md and docs/*.md."""

from __future__ import annotations

import contextlib
import io
import shutil
import sysconfig
from pathlib import Path

import pytest
from documented import ROOT, Shell, blocks, check_console, check_python, pattern

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_examples_do_what_they_show(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if " jq " in page.read_text(encoding="utf-8") and shutil.which("jq") is None:
        pytest.skip("there is no jq: run `make shells`")
    shell = Shell(tmp_path.resolve(), sysconfig.get_path("scripts"))
    for name, value in shell.environment.items():
        monkeypatch.setenv(name, value)
    names: dict[str, object] = {"__name__": page.stem}

    def run(text: str, line: int) -> str:
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            exec(compile("\n" * (line - 1) + text, page, "exec"), names)
        return output.getvalue()

    for block in blocks(page):
        if block.language == "console":
            check_console(shell, page, block)
        else:
            monkeypatch.chdir(shell.folder)
            check_python(shell, run, page, block)


def test_what_is_shown_is_matched_strictly() -> None:
    assert pattern("a.c at 2026-01-02T03:04:05.678Z").fullmatch("a.c at 2027-11-12T13:14:15.000Z")
    assert not pattern("a.c").fullmatch("abc")
    assert pattern("v1 (0a1b2c3d)").fullmatch("v1 (ffffffff)") and not pattern("v1 (0a1b2c3d)").fullmatch("v1 (ffff)")
    assert pattern("one\n...\nlast").fullmatch("one\ntwo\nthree\nlast")
    assert pattern("one ... three").fullmatch("one two three")
    assert not pattern("one ... three").fullmatch("one\nthree")
    table = pattern("size       age  message\n1 B   just now  first")
    assert table.fullmatch("size    age  message\n1 B   1 min  first")
    assert not table.fullmatch("size  age  message\n1 B   1 h  first")
