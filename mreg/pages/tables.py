"""Tables as HTML, which the script lets people sort and filter."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from mreg.pages.markup import Content, Markup, element, join

Cell = Content | tuple[Content, object]
"""What is shown; or that, and the number or text that the column is sorted by."""


_KINDS: Final = {"name": "w", "message": "m", "changes": "m"}
"""Classes of the columns with these headings."""


def table(
    headings: Sequence[str], rows: Iterable[Sequence[Cell]], *, numbers: Sequence[str] = (), caption: str = ""
) -> Markup:
    """numbers: headings of columns that are set to the right. One that is headed `name` has room for one, and breaks it
    where it is longer; one of sentences has room for half a line of them, so that they do not make rows high on a
    narrow screen, where they are out of sight. Columns without any value are left out. caption: of a table that may
    be wider than the page."""
    cells = [[(cell, None) if type(cell) is Markup else _shown(cell) for cell in row] for row in rows]
    used = [at for at in range(len(headings)) if not cells or any(row[at][0] for row in cells)]
    kinds = {at: "r" if headings[at] in numbers else _KINDS.get(headings[at]) for at in used}
    head = element("tr", [element("th", headings[at], scope="col", class_=kinds[at]) for at in used])
    body = Markup("".join(f"<tr>{''.join([_cell(*row[at], kinds[at]) for at in used])}" for row in cells))
    parts = [element("caption", caption) if caption else None, element("thead", head), element("tbody", body)]
    whole = element("table", parts)
    return element("div", whole, class_="scroll", tabindex="0", role="region", aria_label=caption) if caption else whole


def pairs(rows: Iterable[tuple[Content, Content]]) -> Markup:
    """What is called how; rows without a value are left out."""
    shown = [(name, value) for name, value in rows if value]
    return element("dl", [[element("dt", name), element("dd", value)] for name, value in shown]) if shown else Markup()


def command(line: str) -> Markup:
    """A command to be copied."""
    return element("pre", element("code", line), class_="copy")


def _shown(cell: Cell) -> tuple[Markup, object]:
    return (join(cell[0]), cell[1]) if isinstance(cell, tuple) else (join(cell), None)


def _cell(content: Markup, by: object, kind: str | None) -> str:
    """As `element` makes it, but there are very many of them."""
    if by is None:
        return f"<td class={kind}>{content}" if kind else f"<td>{content}"
    return element("td", content, class_=kind, data_by=by)
