"""`mreg resolve`: the fast, scriptable question."""

from typing import Annotated

from mreg.cli import commands
from mreg.cli.commands.params import AtOption, PlaceSortOption, PlaceWhereOption, chosen
from mreg.cli.declared import Argument
from mreg.cli.errors import BadUsage
from mreg.cli.state import State


def resolve(
    state: State,
    reference: Annotated[str, Argument(metavar="REFERENCE", help="NAME, NAME:vN, NAME:ALIAS or NAME:@DIGEST.")],
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
            raise BadUsage("--at cannot be combined with --where and --sort")
        commands.past.resolve(state, reference, at)
        return
    found = state.repository().resolve(chosen(state, reference, where, sort))
    state.emit(found, lambda out: out.line(found.name))
