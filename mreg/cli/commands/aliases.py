"""`mreg alias set`, `rm`, `rollback` and `ls`."""

from typing import Annotated

import typer

from mreg.cli import commands, plain
from mreg.cli.changes import tell
from mreg.cli.commands.params import AtOption, NameArgument, ReasonOption, ReferenceArgument
from mreg.cli.context import Context
from mreg.values.names import composed

AliasArgument = Annotated[
    str, typer.Argument(metavar="ALIAS", help="The alias, such as best or production.", parser=composed)
]


ExpectOption = Annotated[
    str | None,
    typer.Option("--expect", metavar="vN|none", help="Move the alias only from vN (none: only if it is new)."),
]


def set_(
    ctx: Context,
    alias: AliasArgument,
    reference: ReferenceArgument,
    expect: ExpectOption = None,
    message: ReasonOption = None,
) -> None:
    """Point an alias of a collection at one of its versions, atomically.

    With --expect, a compare-and-swap: exit code 7, and no change, if the alias is elsewhere.
    """
    plain.set_alias(ctx.obj, alias, reference, expect, message)


def rm(
    ctx: Context, alias: AliasArgument, name: NameArgument, expect: ExpectOption = None, message: ReasonOption = None
) -> None:
    """Remove an alias from a collection; the version stays."""
    done = ctx.obj.repository().remove_alias(alias, name, expect=expect, message=message)
    tell(ctx.obj, done.changes, done.seq)
    ctx.obj.emit(done, lambda out: None)


def rollback(
    ctx: Context,
    alias: AliasArgument,
    name: NameArgument,
    steps: Annotated[int, typer.Option("--steps", metavar="N", min=1, help="Number of moves to go back.")] = 1,
    expect: ExpectOption = None,
    message: ReasonOption = None,
) -> None:
    """Move an alias back to the version it pointed at before.

    A place that a rollback or an undo left does not count: a second rollback goes further back. An alias that was
    removed comes back. With --expect: exit code 7, and nothing changed, if the alias is elsewhere now.
    """
    done = ctx.obj.repository().roll_back_alias(alias, name, steps=steps, expect=expect, message=message)
    tell(ctx.obj, done.changes, done.seq)
    ctx.obj.emit(done, lambda out: out.line(f"{done.name}:v{done.number}"))


def ls(
    ctx: Context,
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Only aliases of this collection.")] = None,
    at: AtOption = None,
) -> None:
    """List aliases: collection, alias, number, and version.

    With --at: where they were, and the entry that had moved them there.
    """
    if at is None:
        plain.list_aliases(ctx.obj, name)
    else:
        commands.past.list_aliases(ctx.obj, name, at)
