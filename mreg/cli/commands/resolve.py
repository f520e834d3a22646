"""`mreg resolve`: the fast, scriptable question."""

from typing import Annotated

import typer

from mreg.cli import commands
from mreg.cli.commands import filtering
from mreg.cli.commands.filtering import PlaceSortOption, PlaceWhereOption
from mreg.cli.commands.params import AtOption
from mreg.cli.context import Context


def resolve(
    ctx: Context,
    reference: Annotated[str, typer.Argument(metavar="REFERENCE", help="NAME, NAME:vN, NAME:ALIAS or NAME:@DIGEST.")],
    where: PlaceWhereOption = None,
    sort: PlaceSortOption = None,
    at: AtOption = None,
) -> None:
    """Print the version that a reference selects, as `NAME:vN` of its artifact.

    The answer always means the same version, whatever happens to aliases later. With --at, it is what the reference
    meant then, as the journal tells, by the name that it has now; the entry that decided is told with it.
    """
    if at is not None:
        if where or sort:
            raise typer.BadParameter("give --at, or --where and --sort")
        commands.past.resolve(ctx.obj, reference, at)
        return
    filtering.resolve(ctx.obj, reference, where, sort)
