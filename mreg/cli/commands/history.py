"""`mreg history` and `mreg undo`."""

from typing import Annotated

from mreg.cli import history_page
from mreg.cli.changes import tell
from mreg.cli.declared import Argument, Option
from mreg.cli.state import State


def history(
    state: State,
    name: Annotated[
        str | None, Argument(metavar="[NAME[:ALIAS]]", help="Only changes of this collection, or of one alias.")
    ] = None,
    since: Annotated[
        str | None,
        Option("--since", metavar="WHEN", help="Only changes after this entry, or since this age or date."),
    ] = None,
    until: Annotated[
        str | None, Option("--until", metavar="WHEN", help="Only changes up to this entry, age or date.")
    ] = None,
    author: Annotated[str | None, Option("--author", metavar="WHO", help="Only changes of this account.")] = None,
    action: Annotated[
        str | None, Option("--action", metavar="COMMAND", help="Only changes by this command: log, alias set, …")
    ] = None,
    limit: Annotated[
        int | None, Option("--limit", metavar="N", least=0, help="Show at most N entries (0: all): the newest.")
    ] = None,
) -> None:
    """Show changes, oldest first: author, time, old and new values, reason.

    For NAME:ALIAS, show where the alias has been, and when. WHEN is the number of an entry (27), an age with its unit
    (2h, 14d), a date (2026-01-31) or a time (2026-01-31T14:00). Times are local on a terminal, and in UTC elsewhere.
    """
    history_page.history(state, name, since=since, until=until, author=author, action=action, limit=limit)


def undo(
    state: State,
    seq: Annotated[int, Argument(metavar="N", least=1, help="Number of the change, as shown by `mreg history`.")],
) -> None:
    """Revert a whole change by a new change; print the new change's number.

    What the change created is deleted; what it deleted is restored. Undoing the undo makes the change again. Nothing is
    changed if a ref has been moved again since (exit code 4), or if later changes depend on this one or `mreg gc` has
    deleted the files of a version (exit code 6).
    """
    made = state.repository().undo(seq)
    tell(state, made.changes, made.seq, f"entry {seq} is undone", "makes the change again")
    state.emit(made, lambda out: out.line(str(made.seq)))
