"""The one place that prints. Data goes to standard output, everything else to standard error."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from mreg.cli.state import current
from mreg.cli.text import DRIVING, one_line, safe, undriven

if TYPE_CHECKING:
    from datetime import datetime

    from rich.console import Console


DAMAGED = 5
"""Exit code of commands that find damage, and do the rest of what they are for."""

_NUMBERS = {"size", "files", "seq", "versions", "logical", "unique", "stored", "frees", "own"}
"""Columns that are set to the right."""


class Out:
    """Data for people and pipes."""

    def line(self, text: str) -> None:
        """One line of plain text."""
        print(one_line(text))

    def path(self, path: str) -> None:
        """A path, to the byte, whatever its name."""
        sys.stdout.flush()
        sys.stdout.buffer.write(os.fsencode(path) + b"\n")

    def table(self, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Rows under headings on a terminal; in a pipe tab-separated rows and no headings.

        A cell never reaches beyond itself: see `one_line`.
        """
        rows = [[one_line(cell) for cell in row] for row in rows]
        if not current.terminal:
            for row in rows:
                print("\t".join(row))
            return
        if not rows:
            return
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False, header_style="bold")
        for heading in headings:
            table.add_column(heading, justify="right" if heading in _NUMBERS else "left")
        for row in rows:
            table.add_row(*map(Text, row))
        console().print(table)

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
        """Rendered on a terminal, as it is elsewhere."""
        if not current.terminal:
            print(text.rstrip("\n"))
            return
        from rich.markdown import Markdown
        from rich.segment import Segment, Segments

        shown = console()
        rendered = shown.render(Markdown(undriven(text.replace("\r\n", "\n"))))
        # Again, as Markdown has ways to write any character in plain letters (`&#8238;`).
        shown.print(Segments([Segment(undriven(part.text), part.style, part.control) for part in rendered]))


def emit(value: Any, render: Callable[[Out], None]) -> None:
    """Print a command's one result: as a JSON document with `--json`, else by `render`."""
    if current.json:
        print_json(value)
    else:
        render(Out())


def print_json(value: Any) -> None:
    import json

    indent = 2 if sys.stdout.isatty() else None
    value = plain(value)
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:  # a path that is not Unicode, or an output that is not: every reader undoes escapes
        text = json.dumps(value, indent=indent)
    print(DRIVING.sub(lambda found: f"\\u{ord(found[0]):04x}", text))  # JSON itself escapes only those below U+0020


def plain(value: Any) -> Any:
    """The same in JSON's words: an entity is an object of its fields, with its name ahead of them."""
    if hasattr(value, "_asdict"):
        fields = {name: plain(field) for name, field in value._asdict().items()}
        return fields if "name" in fields or not hasattr(value, "name") else {"name": value.name, **fields}
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, set | frozenset):
        return sorted(value)
    return time_text(value) if hasattr(value, "isoformat") else value


def note(text: str) -> None:
    """Tell the person something that is no data."""
    if not current.quiet and not current.json:
        print(one_line(text), file=sys.stderr)


def warn(text: str) -> None:
    """Tell the person what must not be missed, also with --quiet. A JSON document has it."""
    if not current.json:
        print(one_line(text), file=sys.stderr)


def console(*, stderr: bool = False) -> Console:
    """A Rich console that honours `--no-color` (and by itself NO_COLOR)."""
    from rich.console import Console

    return Console(stderr=stderr, no_color=None if current.color else True, highlight=False)


def size_text(count: int) -> str:
    """Bytes for people: 1.2 MiB."""
    number = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if number < 1024:
            return f"{count} B" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1024
    return f"{number:.1f} TiB"


def count_text(count: int, one: str, many: str) -> str:
    """`1 pack`, `2 packs`."""
    return f"{count} {one if count == 1 else many}"


def time_text(time: datetime) -> str:
    """RFC 3339 in UTC, whole microseconds."""
    return time.isoformat(timespec="microseconds").replace("+00:00", "Z")


def age_text(time: datetime) -> str:
    """How long ago: 3 minutes, 2 days."""
    from datetime import UTC, datetime as clock

    seconds = max(0, int((clock.now(UTC) - time).total_seconds()))
    for unit, length in (("year", 31536000), ("month", 2592000), ("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            count = seconds // length
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return "just now"


def value_text(value: Any) -> str:
    """A metadata value for people."""
    import json

    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
