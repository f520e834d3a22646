"""What a change did, in lines for people: each ref that it moved, with its old and its new value, and how to take it
back. One function for all commands, and for the history."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from mreg.cli import layout
from mreg.cli.state import State
from mreg.cli.text import one_line
from mreg.values.change_rows import rows_of

if TYPE_CHECKING:
    from mreg import RefChange


def tell(state: State, changes: Iterable[RefChange], seq: int | None, headline: str = "", back: str = "") -> None:
    """Print the headline, what changed besides, and, where something was moved or removed, how to take it back."""
    changes = list(changes)
    if not state.talkative:
        return
    if headline:
        state.note(headline)
    rows = [[one_line(cell) for cell in row] for row in rows_of(changes, whole=state.verbose)]
    for line in layout.aligned(rows, indent=2 if headline else 0) if rows else ():
        state.note(line)
    if seq is not None and (back or any(one.old is not None or one.details for one in changes)):
        state.note(f"`mreg undo {seq}` {back or 'takes it back'}")
