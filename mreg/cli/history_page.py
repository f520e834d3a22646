"""What `mreg history` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mreg.cli import layout
from mreg.cli.layout import INDENT, aligned
from mreg.cli.output import Out, local_text, time_text
from mreg.cli.state import State
from mreg.cli.tables import tell_left_out
from mreg.cli.text import one_line, safe
from mreg.values.change_rows import NONE, Row, renamed, rows_of

if TYPE_CHECKING:
    from datetime import datetime

    from mreg import HistoryEntry


REASON_INDENT = 6
LEAST = 32
"""Columns for what changed; where fewer are left beside the time, it stands below."""

FIRST = "0"
"""Since when, where nobody says."""


def history(
    state: State,
    name: str | None = None,
    *,
    since: str | None = None,
    until: str | None = None,
    author: str | None = None,
    action: str | None = None,
    limit: int | None = None,
) -> None:
    """`mreg history [NAME[:ALIAS]]`"""
    since = FIRST if since is None else since
    name = state.enter(name) or None if name else None
    more = limit + 1 if limit else None  # to know whether there are more
    found = state.repository().history(name, since=since, until=until, author=author, action=action, limit=more)
    older = found[: -limit or None] if limit else []
    found = found[len(older) :]
    state.emit({"entries": found}, lambda out: _render(out, found, name))
    filtered = bool(name or since != FIRST or until or author or action)
    if older:
        _tell_older(state, None if filtered else older[-1].seq)
    if not found:
        state.note("no change matches" if filtered else "nothing has been changed yet")
    elif state.terminal:
        state.note(f"`mreg undo {found[-1].seq}` takes the last one back")


def _tell_older(state: State, count: int | None) -> None:
    """Say that `--limit` leaves out entries; how many, unless all would have to be read to know that."""
    if count is None:
        state.note("older changes are not shown; --limit 0 shows all")
    else:
        tell_left_out(state, count, "older change", "older changes")


def _render(out: Out, found: list[HistoryEntry], name: str | None) -> None:
    if name is not None and ":" in name:
        _render_alias(out, found)
    else:
        _render_history(out, found)


def _render_history(out: Out, found: list[HistoryEntry]) -> None:
    if not out.terminal:
        out.table([], [row for entry in found for row in _history_rows(entry)])
        return
    numbers, authors = (max((len(text) for text in texts), default=0) for texts in _columns(found))
    for entry in found:
        start = f"{entry.seq:>{numbers}}  {local_text(entry.time)}  {entry.who:<{authors}}  "
        lines = [*map(_sentence, _rows(entry)), *_message(entry).splitlines()]
        if out.width - len(start) < LEAST:
            out.line(start.rstrip())
            start = " " * INDENT
        wrapped = [part for line in lines for part in layout.wrapped(one_line(line), out.width - len(start))]
        for number, line in enumerate(wrapped):
            out.line((start if number == 0 else " " * len(start)) + line)


def _columns(found: list[HistoryEntry]) -> tuple[list[str], list[str]]:
    return [str(entry.seq) for entry in found], [entry.who for entry in found]


def _history_rows(entry: HistoryEntry) -> list[list[str]]:
    """For scripts: one row for each thing that changed."""
    fixed = [str(entry.seq), time_text(entry.time), entry.who, entry.host]
    return [[*fixed, *row, _message(entry)] for row in _rows(entry)]


def _rows(entry: HistoryEntry) -> list[Row]:
    """What changed, in the words of people; a rename is one row."""
    verb, _, rest = entry.command.partition(" ")
    rows = rows_of(entry.changes, whole=True)[: 1 if renamed(entry.changes) else None]
    if verb == "log":
        rows = [row for row in rows if not row[1].startswith("new artifact")]
    if verb in ("log", "change"):
        rows = [(what, "logged" if how == "added" else how) for what, how in rows]
    if verb in ("undo", "gc"):
        rows.insert(0, (f"entry {rest} undone" if verb == "undo" else "gc", ""))
    if not rows and verb in ("push", "pull", "clone"):
        return [("data", f"arrived for {entry.command}")]
    return rows or [(entry.command, "")]


def _message(entry: HistoryEntry) -> str:
    """The reason that was given, or what was said of the version that was logged."""
    logged = [str(one.details[0].new) for one in entry.changes if one.kind == "version" and one.details]
    return safe(entry.message or (logged[0] if logged and entry.command.startswith(("log ", "change ")) else ""))


def _sentence(row: Row) -> str:
    what, how = row
    return f"{what}{':' * (' of ' in what)} {how}".rstrip()


def _render_alias(out: Out, found: list[HistoryEntry]) -> None:
    """Where the alias was, from when to when."""
    moves = [entry.move for entry in found if entry.move is not None]
    starts = [entry.time for entry in found]
    ends = [*starts[1:], None][: len(starts)]
    places = [(one.new or NONE, one.version or "" if one.new else "") for one in moves]
    if not out.terminal:
        fixed = [[time_text(start), time_text(end) if end else ""] for start, end in zip(starts, ends, strict=True)]
        rows = [[*p, *times, one.who, _reason(one)] for p, times, one in zip(places, fixed, found, strict=True)]
        out.table([], rows)
        return
    periods = [
        [*place, _period(start, end), entry.who]
        for place, start, end, entry in zip(places, starts, ends, found, strict=True)
    ]
    lines = list(aligned(periods, indent=0))
    fits = max(map(layout.width_of, lines), default=0) <= out.width
    for line, (at, version, period, who), entry in zip(lines, periods, found, strict=True):
        out.line(line if fits else f"{at}{layout.GAP}{version}".rstrip())
        for part in [*([] if fits else [f"{period}{layout.GAP}{who}"]), *_reason(entry).splitlines()]:
            for text in layout.wrapped(one_line(part), out.width, REASON_INDENT):
                out.line(text)


def _period(start: datetime, end: datetime | None) -> str:
    """From when to when, with the time zone at the end; of both where it changed between them."""
    if end is None:
        return f"since {local_text(start)}"
    begun, _, zone = local_text(start).rpartition(" ")
    ended = local_text(end)
    return f"{begun} to {ended}" if ended.endswith(f" {zone}") else f"{begun} {zone} to {ended}"


def _reason(entry: HistoryEntry) -> str:
    """Why the alias came to be there, or went."""
    names = renamed(entry.changes)
    if names and entry.move is not None:
        return f"renamed to {names[2]}" if entry.move.new is None else f"renamed from {names[1]}"
    return _message(entry)
