"""How results are shown to people and pipes, on standard output."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from mreg import cli, lazy
from mreg.cli import layout
from mreg.cli.layout import Column, paint, plainly
from mreg.cli.text import one_line, path_text, safe
from mreg.values.words import size_text

if TYPE_CHECKING:
    from datetime import datetime
    from typing import TextIO

USUAL_WIDTH = 80


def width_of_terminal(descriptor: int) -> int:
    """Its columns; COLUMNS, where it is set, says otherwise."""
    given = os.environ.get("COLUMNS", "")
    if given.isdecimal() and int(given):
        return int(given)
    try:
        return os.get_terminal_size(descriptor).columns or USUAL_WIDTH
    except OSError:
        return USUAL_WIDTH


def colourful(stream: TextIO, wanted: bool) -> bool:
    """May what is printed there be coloured? wanted: unless `--no-color` was given."""
    plain = not wanted or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return not plain and stream.isatty()


class Out:
    """Data for people and pipes. terminal: does a person read it? color: may it be coloured?"""

    def __init__(self, *, terminal: bool, color: bool) -> None:
        self.terminal = terminal
        self._color = color
        self._paint = paint if terminal and colourful(sys.stdout, color) else plainly

    def line(self, text: str) -> None:
        """One line of plain text."""
        print(one_line(text))

    def wrapped(self, text: str) -> None:
        """A text of one line, in as many as it takes on the terminal."""
        for line in layout.wrapped(one_line(text), self.width):
            print(line)

    def styled(self, *parts: tuple[str, str]) -> None:
        """One line of texts, each with its meaning (`layout.paint`) or ""."""
        print("".join(self._paint(one_line(text), style) for text, style in parts).rstrip(" "))

    def path(self, path: str) -> None:
        """A path, to the byte, whatever its name; on a terminal, which would obey some of them, as any other text."""
        if self.terminal and not path.isprintable():
            self.line(path_text(path))
            return
        sys.stdout.flush()
        sys.stdout.buffer.write(os.fsencode(path) + b"\n")
        if sys.stdout.line_buffering:  # on a terminal, before notes that follow
            sys.stdout.flush()

    def table(self, headings: Sequence[str | Column], rows: Iterable[Sequence[str]]) -> None:
        """Rows under headings on a terminal; in a pipe, tab-separated rows without headings.

        Text, also that of a heading, never breaks out of its cell: see `one_line`. `layout.COLUMNS` says which
        headings mean a column that is cut, set to the right or coloured; others are given as a `Column`.
        """
        rows = [[cell if cell.isprintable() else one_line(cell) for cell in row] for row in rows]
        if not self.terminal:
            for row in rows:
                print("\t".join(row))
            return
        columns = [one._replace(heading=one_line(one.heading)) for one in layout.columns_of(headings)]
        for line in layout.table(columns, rows, self.width, self._paint) if rows else ():
            print(line)

    @property
    def width(self) -> int:
        """The columns of the terminal."""
        return width_of_terminal(1)

    def when(self, time: datetime) -> str:
        """How long ago, on a terminal; the exact time elsewhere."""
        return age_text(time) if self.terminal else time_text(time)

    def age(self, time: datetime) -> str:
        """As `when`, in a column of ages."""
        return short_age(time) if self.terminal else time_text(time)

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


def speed_text(count: int, seconds: float) -> str:
    """Bytes per second for people: 104.2 MiB/s."""
    return f"{size_text(round(count / seconds)) if seconds > 0 else 0}/s"


def aliases_text(aliases: Mapping[str, str]) -> str:
    """What each alias names: `best=v3 production=v1`."""
    return " ".join(f"{alias}={target}" for alias, target in aliases.items())


def time_text(time: datetime) -> str:
    """RFC 3339 in UTC, whole microseconds."""
    return time.isoformat(timespec="microseconds").replace("+00:00", "Z")


def local_text(time: datetime) -> str:
    """Local time with its zone, to the second."""
    return time.astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")


def age_text(time: datetime) -> str:
    """How long ago: 3 min ago, 2 d ago."""
    short = short_age(time)
    return short if short == "just now" else f"{short} ago"


def short_age(time: datetime) -> str:
    """How old: 3 min, 2 d."""
    seconds = max(0, int((lazy.datetime.datetime.now(time.tzinfo) - time).total_seconds()))
    for unit, length in (("y", 31536000), ("mo", 2592000), ("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return "just now"
