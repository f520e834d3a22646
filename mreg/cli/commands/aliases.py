"""`mreg alias set`, `rm`, `rollback` and `ls`."""

from typing import Annotated

from mreg.cli import changes, commands
from mreg.cli.commands.params import AtOption, NameArgument, ReasonOption, ReferenceArgument
from mreg.cli.declared import Argument, Option
from mreg.cli.state import State
from mreg.values.names import composed

AliasArgument = Annotated[str, Argument(metavar="ALIAS", help="The alias, such as best or production.", parse=composed)]


ExpectOption = Annotated[
    str | None,
    Option("--expect", metavar="vN|none", help="Move the alias only from vN (none: only if it is new)."),
]
AtOnlyOption = Annotated[str | None, Option("--expect", metavar="vN", help="Change the alias only if it points at vN.")]


def set_(
    state: State,
    alias: AliasArgument,
    reference: ReferenceArgument,
    expect: ExpectOption = None,
    message: ReasonOption = None,
) -> None:
    """Point an alias of a collection at one of its versions, atomically.

    With --expect, a compare-and-swap: exit code 7, and no change, if the alias is elsewhere.
    """
    done = state.repository().set_alias(alias, reference, expect=expect, message=message)
    already = "" if done.changes else f"{done.name}:{alias} is at v{done.number} already"
    changes.tell(state, done.changes, done.seq, already)
    state.emit(done, lambda out: out.line(f"{done.name}:v{done.number}"))


def rm(
    state: State, alias: AliasArgument, name: NameArgument, expect: AtOnlyOption = None, message: ReasonOption = None
) -> None:
    """Remove an alias from a collection; the version stays."""
    done = state.repository().remove_alias(alias, name, expect=expect, message=message)
    changes.tell(state, done.changes, done.seq)
    state.emit(done, lambda out: None)


def rollback(
    state: State,
    alias: AliasArgument,
    name: NameArgument,
    steps: Annotated[int, Option("--steps", metavar="N", least=1, help="Number of moves to go back.")] = 1,
    expect: AtOnlyOption = None,
    message: ReasonOption = None,
) -> None:
    """Move an alias back to the version it pointed at before.

    Versions that a rollback or an undo moved away from do not count: a second rollback goes further back. An alias
    that was removed is restored. With --expect: exit code 7, and no change, if the alias is elsewhere.
    """
    done = state.repository().roll_back_alias(alias, name, steps=steps, expect=expect, message=message)
    changes.tell(state, done.changes, done.seq)
    state.emit(done, lambda out: out.line(f"{done.name}:v{done.number}"))


def ls(
    state: State,
    name: Annotated[str | None, Argument(metavar="[NAME]", help="Only aliases of this collection.")] = None,
    at: AtOption = None,
) -> None:
    """List aliases: collection, alias, number, and version.

    With --at: where they were, and the entry that moved them there.
    """
    if at is None:
        found = state.repository().aliases(name)
        rows = [[one.name, one.alias, f"v{one.number}", one.version] for one in found]
        state.emit({"aliases": found}, lambda out: out.table(["name", "alias", "number", "version"], rows))
    else:
        commands.past.list_aliases(state, name, at)
