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

    The name always refers to the same version, wherever aliases move later. With --at, print what the reference
    selected then, according to the journal, under its current name; the entry that set it is printed too.
    """
    if at is not None:
        if where or sort:
            raise BadUsage("--at cannot be combined with --where and --sort")
        commands.past.resolve(state, reference, at)
        return
    found = state.repository().resolve(chosen(state, reference, where, sort))
    state.emit(found, lambda out: out.line(found.name))
