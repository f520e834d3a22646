"""What the documentation shows, typed into a shell or run, and compared with what comes back.

A ```console block is typed into a shell on a terminal, in the order of the page and in one home folder a page; what
comes back must be what stands there. Where it cannot be the same each time:

    ...                          any text within a line; as a line of its own, any number of lines
    2026-01-02T03:04:05(.678Z)   any other time
    c0ffee12 (8 or more digits)  as many other hex digits
    /home/ada                    the home folder
    just now                     also some minutes ago, on a machine that does a lot else

Blanks at the ends of lines do not count. A ```python block is run in the same folder; what stands behind
`print(…)  # ` is what it must print.
"""

from __future__ import annotations

import importlib
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from terminals import shown_on

from mreg.values.errors import MregError

ROOT = Path(__file__).parents[1]
HOME = "/home/ada"
SECONDS = 300


def defined_errors() -> list[type[MregError]]:
    """All classes of errors that mreg defines, as the reference lists them."""
    sys.path.insert(0, str(ROOT / "docs"))
    try:
        found: list[type[MregError]] = importlib.import_module("generate").error_classes()
    finally:
        sys.path.pop(0)
    return found


class Block(NamedTuple):
    language: str
    line: int
    text: str


def blocks(page: Path) -> list[Block]:
    """The page's console and Python blocks."""
    found = []
    fenced = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    text = page.read_text(encoding="utf-8")
    for match in fenced.finditer(text):
        found.append(Block(match[1], text.count("\n", 0, match.start()) + 2, match[2]))
    return [block for block in found if block.language in ("console", "python")]


def commands(session: str) -> list[tuple[str, str]]:
    """Each command of a console block, and what it shows."""
    found: list[tuple[list[str], list[str]]] = []
    for line in session.splitlines():
        if line.startswith("$ "):
            found.append(([line[2:]], []))
        elif line.startswith("> ") and not found[-1][1]:
            found[-1][0].append(line[2:])
        else:
            found[-1][1].append(line)
    return [("\n".join(command), "\n".join(shown).rstrip("\n")) for command, shown in found]


VARYING = re.compile(
    r"(?P<lines>^\.\.\.\n|\n\.\.\.$)|(?P<part>\.\.\.)"
    r"|(?P<time>\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?P<fraction>\.\d+)?Z?)"
    # In a table, it makes the column of this heading wider.
    r"|(?P<age> *(?:\b(?:age|changed)(?=  )|just now) *)"
    r"|(?P<hex>\b(?=[0-9a-f]*\d)[0-9a-f]{8,}\b)",
    re.MULTILINE,
)


def pattern(shown: str) -> re.Pattern[str]:
    """What is shown, as an expression that all that may come back matches."""

    def varying(match: re.Match[str]) -> str:
        if match["lines"]:
            return r"(?:.*\n)*" if match["lines"].endswith("\n") else r"(?:\n.*)*"
        if match["part"]:
            return ".*"
        if match["time"]:
            return re.sub(r"\d", r"\\d", match["time"].replace(".", r"\."))
        if match["age"]:
            word = match["age"].strip()
            return r" *(?:just now|\d+ min(?: ago)?) *" if word == "just now" else f" *{word} +"
        return f"[0-9a-f]{{{len(match['hex'])}}}"

    made, end = "", 0
    for match in VARYING.finditer(shown):
        made += re.escape(shown[end : match.start()]) + varying(match)
        end = match.end()
    return re.compile(made + re.escape(shown[end:]))


class Shell:
    """A person at a terminal, in a home folder that was empty. scripts: where the `mreg` that they type is."""

    def __init__(self, home: Path, scripts: str) -> None:
        self.home = home
        self.folder = home
        self.environment = {
            "HOME": str(home),
            "XDG_CONFIG_HOME": str(home / ".config"),
            "PATH": os.pathsep.join([scripts, os.environ["PATH"]]),
            "MREG_AUTHOR": "ada",
            "MREG_CACHE": str(home / ".cache" / "mreg"),
            "TERM": "dumb",
            "NO_COLOR": "1",
            "COLUMNS": "100",
            "LINES": "50",
            "LC_ALL": "C.UTF-8",
            "TZ": "UTC",
            "PYTHONWARNINGS": "error",
        }

    def type(self, lines: list[str]) -> list[str]:
        """What each of the commands shows. The shell stays where the last of them went."""
        mark = "\x02end of command\x03"
        where = self.home / ".where"
        # What marks the end of one command must not change the `$?` that the next one sees.
        steps = [f"(exit $status)\n{line}\nstatus=$?; printf '{mark}'" for line in lines]
        script = "\n".join(["status=0", *steps, f"pwd >'{where}'"])
        output = self._run(script).replace("\r\n", "\n").replace(str(self.home), HOME)
        self.folder = Path(where.read_text().rstrip("\n"))
        *shown, rest = output.split(mark)
        assert not rest and len(shown) == len(lines), f"the shell stopped: {rest}"
        return ["\n".join(line.rstrip() for line in text.splitlines()).rstrip("\n") for text in shown]

    def _run(self, script: str) -> str:
        ours, theirs = pty.openpty()
        try:
            process = subprocess.Popen(
                ["bash", "-c", script],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=theirs,
                stderr=theirs,
                start_new_session=True,
            )
            os.close(theirs)
            output = b"".join(shown_on(ours, SECONDS))
            process.wait(SECONDS)
        finally:
            os.close(ours)
        return output.decode("utf-8")


def unwrapped(text: str) -> str:
    """With each error and each hint on one line, and what names the home folder: where they are wrapped depends on its
    length."""
    text = re.sub(r"\n {2}(?=\S)", " ", text) if HOME in text else text
    return re.sub(
        r"^(?:error|hint): .*(?:\n {6,7}\S.*)+",
        lambda found: re.sub(r"\n {6,7}", " ", found[0]),
        text,
        flags=re.MULTILINE,
    )


def check_console(shell: Shell, page: Path, block: Block) -> None:
    wanted = commands(block.text)
    got = shell.type([command for command, _ in wanted])
    for (command, shown), output in zip(wanted, got, strict=True):
        where = f"{page.name}, block at line {block.line}: $ {command}"
        shown, output = unwrapped(shown), unwrapped(output)
        assert pattern(shown).fullmatch(output), f"{where}\n--- shown\n{shown}\n--- came back\n{output}"


def check_python(shell: Shell, run: Callable[[str, int], str], page: Path, block: Block) -> None:
    """run: runs the text, which stands at that line of the page; what it prints."""
    shown = re.findall(r"^ *print\(.*\)  # (.*)$", block.text, re.MULTILINE)
    got = run(block.text, block.line).replace(str(shell.home), HOME).splitlines()
    where = f"{page.name}, block at line {block.line}"
    assert len(got) == len(shown), f"{where}\n--- shown\n{shown}\n--- printed\n{got}"
    for expected, line in zip(shown, got, strict=True):
        assert pattern(expected).fullmatch(line), f"{where}\n--- shown\n{expected}\n--- printed\n{line}"
