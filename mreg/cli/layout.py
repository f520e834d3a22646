"""Tables as lines of text, aligned by the columns that characters take on a terminal, and cut in one place only.

Not by Rich: loading it takes longer than most commands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import zip_longest

from mreg import lazy
from mreg.values.named_tuple import NamedTuple

GAP = "  "
INDENT = 4
_COPIED = r"`[^`]*`|(?<!\w)'[^']*'(?!\w)|\(/[^)]*\)"
"""Text that is kept on one line: commands, quoted text and paths."""

_KEPT = "\xa0"
"""Stands for a space within such text; `one_line` escapes any that the text itself contains."""

LEAST_CUT = 8
"""Columns below which a text is not cut beside its row, but below it: so little says nothing."""

_SIGNS = {"+": "32", "-": "31", "~": "33", "!": "31", "x": "31"}
_CODES = {**_SIGNS, "alias": "36", "dim": "2", "refused": "31", "hint": "36"}


class Column(NamedTuple):
    """right: set to the right, as numbers are. cut: a text of which one line is shown, as long as there is room.
    style: its meaning (`paint`); "sign": that of the cell's own `+`, `-` or `~`. asked: shown also without values.
    words: they may stand on several lines of the row."""

    heading: str
    right: bool = False
    cut: bool = False
    style: str = ""
    asked: bool = False
    words: bool = False


_RIGHT = ["files", "frees", "logical", "new", "own", "seq", "size", "stored", "unique", "versions"]
COLUMNS = {
    **{heading: Column(heading, right=True) for heading in _RIGHT},
    **{heading: Column(heading, right=True, style="dim") for heading in ("age", "changed")},
    **{heading: Column(heading, style="alias", words=True) for heading in ("alias", "aliases")},
    **{heading: Column(heading, cut=True) for heading in ("message", "description", "matched")},
    "meaning": Column("meaning", words=True),
    "digest": Column("digest", style="dim"),
    "": Column("", style="sign"),
}
"""What is special about the columns with these headings, in whichever table they are."""


def paint(text: str, style: str) -> str:
    """Text in the colour of its meaning: alias, + (made), - (gone), ~ (changed), dim (ages, digests, headings)."""
    return f"\x1b[{_CODES[style]}m{text}\x1b[0m" if style in _CODES and text.strip() else text


def plainly(text: str, style: str) -> str:
    """What takes the place of `paint` where there is no colour."""
    return text


def width_of(text: str) -> int:
    """The columns of a terminal that the text takes."""
    if text.isascii():
        return len(text)
    wide, category = lazy.unicodedata.east_asian_width, lazy.unicodedata.category
    return sum(0 if category(c) in ("Mn", "Me", "Cf") else 2 if wide(c) in "WF" else 1 for c in text)


def cut(text: str, width: int) -> str:
    """As much of the text as fits, with an ellipsis where some is missing."""
    if width_of(text) <= width:
        return text
    while text and width_of(text) > width - 1:
        text = text[: min(len(text) - 1, width)]
    return text.rstrip() + "…"


def excerpt(text: str, width: int) -> str:
    """A text whose last two lines are one with carets below it: of these, what fits around the carets."""
    before, *marked = text.rsplit("\n", 2)
    if len(marked) < 2 or max(map(width_of, marked)) <= width:
        return text
    line, carets = _cells(marked[0].removeprefix(GAP)), marked[1].removeprefix(GAP)
    at, end = carets.find("^"), carets.rfind("^") + 1
    room = max(width - len(GAP) - 3, LEAST_CUT)  # ellipses, and half of a wide character
    start = max(0, min(at - room // 3, len(line) - room))
    head, tail = GAP + "…" * (start > 0), "…" * (start + room < len(line))
    shown = "".join([line[start] or " ", *line[start + 1 : start + room]])
    marks = "^" * max(1, min(end, start + room) - at)
    return f"{before}\n{head}{shown}{tail}\n{' ' * (len(head) + at - start)}{marks}"


def _cells(text: str) -> list[str]:
    """What stands in each column of a terminal: nothing in the second one of a wide character."""
    found: list[str] = []
    for c in text:
        width = width_of(c)
        if width or not found:
            found += [c, *[""] * (width - 1)]
        else:
            found[-1] += c
    return found


def columns_of(headings: Sequence[str | Column]) -> list[Column]:
    """The columns with these headings."""
    return [COLUMNS.get(one, Column(one)) if isinstance(one, str) else one for one in headings]


def table(
    headings: Sequence[str | Column],
    rows: Sequence[Sequence[str]],
    width: int,
    paint: Callable[[str, str], str] = plainly,
) -> Iterator[str]:
    """The lines of a table for a terminal of this width. Columns without values are left out.

    Only columns that may be cut are. Where the others alone are wider than the terminal, cells of several words take
    several lines; where that does not help, they stand below their row, as do messages without room. A row that is
    much wider than the others has its first cell on a line of its own, or each cell on one.
    """
    columns = columns_of(headings)
    kept = [n for n, column in enumerate(columns) if column.asked or any(row[n] for row in rows)]
    columns, rows = [columns[n] for n in kept], [[row[n] for n in kept] for row in rows]
    plan = _plan(columns, rows, width)
    if plan is None:
        for row in rows:
            yield from _block(columns, row, width, paint)
        return
    yield paint(_line(columns, [column.heading for column in columns], plan, plainly), "dim")
    for row in rows:
        yield from _row(columns, row, plan, width, paint)


class _Plan(NamedTuple):
    """widths: of all columns. shown: those in the lines of the table. below: those on lines of their own."""

    widths: list[int]
    shown: list[int]
    below: list[int]


def _plan(columns: list[Column], every: Sequence[Sequence[str]], width: int) -> _Plan | None:
    """Where the cells of most rows go; None where none of them fits into the lines of a table."""
    rows = _that_fit(columns, every, width)
    widths = [_width(one, [row[n] for row in (every if one.cut else rows)]) for n, one in enumerate(columns)]
    if _fixed(columns, widths) > width:
        widths = _narrowed(columns, rows, widths, _fixed(columns, widths) - width)
    below = [n for n, column in enumerate(columns) if column.words and _fixed(columns, widths) > width]
    beside = [n for n in range(len(columns)) if n not in below]
    fixed = _fixed([columns[n] for n in beside], [widths[n] for n in beside])
    if fixed > width or not rows:
        return None
    room = width - fixed - len(GAP)
    if room < LEAST_CUT:
        below += [n for n in beside if columns[n].cut]
    shown = [n for n in beside if n not in below]
    widths = [min(w, room) if column.cut else w for w, column in zip(widths, columns, strict=True)]
    return _Plan(widths, shown, below)


def _that_fit(columns: list[Column], rows: Sequence[Sequence[str]], width: int) -> Sequence[Sequence[str]]:
    """The rows that fit beside one another: a few that are much wider than the others do not decide for all."""
    counted = [n for n, column in enumerate(columns) if not column.cut and not column.words]
    least = [width_of(columns[n].heading) for n in counted]
    found = [([width_of(row[n]) for n in counted], row) for row in rows]
    while found:
        widest = [max(least[n], *(widths[n] for widths, _ in found)) for n in range(len(counted))]
        if sum(widest) + len(GAP) * (len(counted) - 1) <= width:
            break
        fewer = [[one for one in found if one[0][n] < widest[n]] for n in range(len(counted)) if widest[n] > least[n]]
        found = max(fewer, key=len, default=[])
    return [row for _, row in found]


def _row(
    columns: list[Column], row: Sequence[str], plan: _Plan, width: int, paint: Callable[[str, str], str]
) -> Iterator[str]:
    """The lines of a row. A first cell that is wider than its column has a line of its own."""
    widths = plan.widths
    wide = [n for n in plan.shown if not columns[n].cut and _least(columns[n], row[n]) > widths[n]]
    if any(wide):
        yield from _block(columns, row, width, paint)
        return
    if wide:
        yield paint(row[0], row[0] if columns[0].style == "sign" else columns[0].style)
        row = ["", *row[1:]]
    cells = [list(wrapped(c, w)) if one.words else [c] for one, c, w in zip(columns, row, widths, strict=True)]
    for parts in zip_longest(*(cell if n in plan.shown else [""] for n, cell in enumerate(cells)), fillvalue=""):
        yield _line(columns, parts, plan, paint)
    for n in plan.below:
        text = cut(row[n], width - INDENT) if columns[n].cut else row[n]
        for line in wrapped(text, width - INDENT) if text else ():
            yield " " * INDENT + paint(line, columns[n].style)


def aligned(rows: Sequence[Sequence[str]], indent: int = 2) -> Iterator[str]:
    """Rows below one another without headings, nothing cut: what a command did, one thing per line. Rows may differ
    in length; a last cell takes as much room as it needs."""
    inner = zip_longest(*(row[:-1] for row in rows), fillvalue="")
    widths = [max(map(width_of, cells)) for cells in inner]
    for row in rows:
        padded = [cell + " " * (w - width_of(cell)) for cell, w in zip(row[:-1], widths, strict=False)]
        yield " " * indent + GAP.join([*padded, *row[-1:]]).rstrip()


def wrapped(text: str, width: int, indent: int = 0) -> Iterator[str]:
    """The words of a text in lines of at most this width, unless a word alone is longer."""
    line = ""
    for word in text.split(" "):
        if line and indent + width_of(line) + 1 + width_of(word) > width:
            yield " " * indent + line
            line = word
        else:
            line = f"{line} {word}" if line else word
    yield " " * indent + line


def unbroken(text: str, width: int, indent: int) -> str:
    """Wrap one line; further lines are indented. The first line starts at `indent`, after a prefix that the caller
    prints. No line ends within a command, a quoted text or a path, which people copy."""
    import re  # noqa: PLC0415 - only long lines on a terminal need it

    kept = re.sub(_COPIED, lambda found: found[0].replace(" ", _KEPT), text)
    return "\n".join(wrapped(kept, width, indent)).replace(_KEPT, " ").lstrip(" ")


def _width(column: Column, cells: Sequence[str]) -> int:
    return max(map(width_of, (column.heading, *cells)))


def _least(column: Column, cell: str) -> int:
    """The width that it needs, if words may stand below one another where the column says so."""
    return max(map(width_of, cell.split(" "))) if column.words else width_of(cell)


def _fixed(columns: list[Column], widths: list[int]) -> int:
    """What the columns take that are not cut."""
    return sum(w + len(GAP) for w, column in zip(widths, columns, strict=True) if not column.cut) - len(GAP)


def _narrowed(columns: list[Column], rows: Sequence[Sequence[str]], widths: list[int], excess: int) -> list[int]:
    """The widths where cells of several words take several lines."""
    narrowed = list(widths)
    for n, column in enumerate(columns):
        if column.words and excess > 0:
            longest = max(_least(column, cell) for cell in [column.heading, *(row[n] for row in rows)])
            narrowed[n] = max(longest, widths[n] - excess)
            excess -= widths[n] - narrowed[n]
    return narrowed


def _line(columns: list[Column], cells: Sequence[str], plan: _Plan, paint: Callable[[str, str], str]) -> str:
    parts = []
    for n in plan.shown:
        column, cell, width = columns[n], cells[n], plan.widths[n]
        text = cut(cell, width) if column.cut else cell
        space = " " * (width - width_of(text))
        painted = paint(text, cell if column.style == "sign" else column.style)
        parts.append(space + painted if column.right else painted + space)
    return GAP.join(parts).rstrip()


def _block(columns: list[Column], row: Sequence[str], width: int, paint: Callable[[str, str], str]) -> Iterator[str]:
    """A row that is too wide: its first cell on a line of its own, then the others, each with its heading."""
    yield row[0]
    for column, cell in zip(columns[1:], row[1:], strict=True):
        if cell:
            head = f"  {column.heading}: " if column.heading else "  "
            text = cut(cell, max(width - width_of(head), LEAST_CUT)) if column.cut else cell
            yield head + paint(text, cell if column.style == "sign" else column.style)
