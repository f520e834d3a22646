"""How results are shown to people and pipes, on standard output."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mreg import cli, lazy
from mreg.cli.text import one_line, safe

if TYPE_CHECKING:
    from datetime import datetime


class Out:
    """Data for people and pipes. terminal: does a person read it? color: may it be coloured?"""

    def __init__(self, *, terminal: bool, color: bool) -> None:
        self.terminal = terminal
        self._color = color

    def line(self, text: str) -> None:
        """One line of plain text."""
        print(one_line(text))

    def path(self, path: str) -> None:
        """A path, to the byte, whatever its name."""
        sys.stdout.flush()
        sys.stdout.buffer.write(os.fsencode(path) + b"\n")

    def table(self, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Rows under headings on a terminal; in a pipe, tab-separated rows without headings.

        Text, also that of a heading, never breaks out of its cell: see `one_line`.
        """
        headings = [one_line(heading) for heading in headings]
        rows = [[one_line(cell) for cell in row] for row in rows]
        if not self.terminal:
            for row in rows:
                print("\t".join(row))
            return
        if rows:
            cli.rich_output.table(headings, rows, color=self._color)

    def fields(self, pairs: Iterable[tuple[str, str]]) -> None:
        """`key: value` lines, aligned; pairs without a value are left out."""
        shown = [(one_line(key), value) for key, value in pairs if value]
        width = max((len(key) for key, _ in shown), default=0) + 2
        for key, value in shown:
            first, *rest = safe(value).split("\n")
            print(f"{key + ':':<{width}}{first}")
            for line in rest:
                print(" " * width + line)

    def markdown(self, text: str) -> None:
        """Markdown, rendered on a terminal and unchanged elsewhere."""
        if not self.terminal:
            print(text.rstrip("\n"))
            return
        cli.rich_output.markdown(text, color=self._color)


def size_text(count: int) -> str:
    """Bytes for people: 1.2 MiB."""
    number = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if number < 1024:
            return f"{count} B" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1024
    return f"{number:.1f} TiB"


def aliases_text(aliases: Mapping[str, str]) -> str:
    """What each alias names: `best=v3, production=v1`."""
    return ", ".join(f"{alias}={target}" for alias, target in aliases.items())


def count_text(count: int, one: str, many: str) -> str:
    """`1 pack`, `2 packs`."""
    return f"{count} {one if count == 1 else many}"


def time_text(time: datetime) -> str:
    """RFC 3339 in UTC, whole microseconds."""
    return time.isoformat(timespec="microseconds").replace("+00:00", "Z")


def age_text(time: datetime) -> str:
    """How long ago: 3 minutes, 2 days."""
    seconds = max(0, int((lazy.datetime.datetime.now(time.tzinfo) - time).total_seconds()))
    for unit, length in (("year", 31536000), ("month", 2592000), ("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            count = seconds // length
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return "just now"


def value_text(value: Any) -> str:
    """A metadata value for people."""
    return value if isinstance(value, str) else lazy.json.dumps(value, ensure_ascii=False)
