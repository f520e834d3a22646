"""`mreg history` and `mreg undo`."""

from typing import TYPE_CHECKING, Annotated

import typer

from mreg.cli.changes import tell
from mreg.cli.context import Context
from mreg.cli.output import Out, time_text

if TYPE_CHECKING:
    from mreg import HistoryEntry, RefChange


def history(
    ctx: Context,
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Only changes of this collection.")] = None,
    since: Annotated[int, typer.Option("--since", metavar="SEQ", min=0, help="Only changes after this one.")] = 0,
    limit: Annotated[
        int | None, typer.Option("--limit", metavar="N", min=0, help="Show at most N entries, the latest.")
    ] = None,
) -> None:
    """Show who changed what, when, from what to what; oldest first."""
    found = ctx.obj.repository().history(name, since=since, limit=limit)
    ctx.obj.emit({"entries": found}, lambda out: _render_history(out, found))
    if found and ctx.obj.terminal:
        ctx.obj.note("`mreg undo SEQ` takes a change back")


def _render_history(out: Out, found: "list[HistoryEntry]") -> None:
    if not out.terminal:
        out.table([], [row for entry in found for row in _history_rows(entry)])
        return
    for entry in found:
        out.line(f"{entry.seq}  {time_text(entry.time)[:19]}  {entry.who}@{entry.host}  mreg {entry.command}")
        for change in entry.changes:
            out.line(f"     {change.ref}: {_move(change)}")


def _history_rows(entry: "HistoryEntry") -> list[list[str]]:
    """One row per ref that changed."""
    fixed = [str(entry.seq), time_text(entry.time), entry.who, entry.host, entry.command]
    moves = [[one.ref, one.old or "", one.new or ""] for one in entry.changes]
    return [fixed + move for move in moves or [["", "", ""]]]


def _move(change: "RefChange") -> str:
    if change.ref.endswith((".toml", ".md")):  # whole texts
        return "made" if change.old is None else "deleted" if change.new is None else "changed"
    return f"{_short(change.old)} -> {_short(change.new)}"


def _short(value: str | None) -> str:
    if value is None:
        return "(none)"
    return value if len(value) <= 40 else f"{value[:40]}…"


def undo(
    ctx: Context,
    seq: Annotated[int, typer.Argument(metavar="SEQ", min=1, help="The change's number, as `mreg history` shows it.")],
) -> None:
    """Put back what a change moved, all of it, as a change of its own; print the number of that.

    What the change made is deleted, what it deleted comes back. Undoing the undoing change makes it again. Exit code
    4, and nothing changed, if something of it has been moved since; 6 if what came later stands in the way, or `mreg
    gc` has given up the files of a version.
    """
    made = ctx.obj.repository().undo(seq)
    tell(ctx.obj, made.changes, made.seq, f"entry {seq} is undone", "makes the change again")
    ctx.obj.emit(made, lambda out: out.line(str(made.seq)))
