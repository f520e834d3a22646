"""`mreg resolve`: the fast, scriptable question."""

from typing import Annotated

import typer

from mreg.cli.commands import filtering
from mreg.cli.commands.filtering import PlaceSortOption, PlaceWhereOption
from mreg.cli.context import Context


def resolve(
    ctx: Context,
    reference: Annotated[str, typer.Argument(metavar="REFERENCE", help="NAME, NAME:vN, NAME:ALIAS or NAME:@DIGEST.")],
    where: PlaceWhereOption = None,
    sort: PlaceSortOption = None,
) -> None:
    """Print the one version meant, as `NAME:vN` of its artifact.

    The answer means the same version for ever, whatever happens to aliases later.
    """
    filtering.resolve(ctx.obj, reference, where, sort)
