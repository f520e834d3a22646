"""Parameters that several commands have."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, TypeVar

from mreg import cli
from mreg.cli.declared import Argument, Option
from mreg.cli.errors import BadUsage
from mreg.cli.state import State
from mreg.values.names import composed

ReferenceArgument = Annotated[
    str, Argument(metavar="REFERENCE", help="NAME, NAME:vN, NAME:ALIAS, NAME:latest or NAME:@DIGEST.")
]
NameArgument = Annotated[str, Argument(metavar="NAME", help="An artifact or a registered model.", parse=composed)]
ArtifactArgument = Annotated[str, Argument(metavar="ARTIFACT", help="The artifact's name.", parse=composed)]
ModelArgument = Annotated[str, Argument(metavar="MODEL", help="The registered model's name.", parse=composed)]
ForceOption = Annotated[
    bool, Option("--force", help="Delete it even if aliases or links hold it, and remove those too.")
]
WholeForceOption = Annotated[
    bool, Option("--force", help="Also delete its versions, its aliases, and links to its versions.")
]
ModelForceOption = Annotated[bool, Option("--force", help="Also delete its links and aliases.")]
ExpectOption = Annotated[
    list[str] | None,
    Option(
        "--expect",
        metavar="[[MODEL:]ALIAS=]vN",
        help="Move the alias only from vN (none: if it is new). For several: ALIAS=vN. Repeatable.",
    ),
]
AtOption = Annotated[
    str | None,
    Option("--at", metavar="TIME|SEQ", help="Show the state at this entry, time, date or age (2h)."),
]
RunOption = Annotated[str | None, Option("--run", metavar="ID", help="Name of the training or serving run.")]
ReasonOption = Annotated[str | None, Option("--message", "-m", metavar="TEXT", help="Reason, recorded in the history.")]
MessageOption = Annotated[str | None, Option("--message", "-m", metavar="TEXT", help="Message of this version.")]
MetaOption = Annotated[
    list[str] | None,
    Option(
        "--meta", metavar="KEY=VALUE", help="Metadata; dots nest; numbers and booleans keep their type. Repeatable."
    ),
]
MetaFileOption = Annotated[str | None, Option("--meta-file", metavar="FILE", help="Metadata from a JSON or TOML file.")]
InputOption = Annotated[
    list[str] | None,
    Option("--input", metavar="REFERENCE", help="Version that it was made from. Repeatable."),
]

WhereOption = Annotated[
    list[str] | None,
    Option("--where", metavar="EXPR", help="Only versions that match (`mreg help filters`). Repeatable."),
]
SortOption = Annotated[
    str | None,
    Option("--sort", metavar="KEY[,KEY]", help="number, size, created, metadata key, …; -KEY reverses."),
]
ColumnsOption = Annotated[
    list[str] | None,
    Option("--columns", metavar="KEY[,KEY]", help="Metadata keys to show. Repeatable."),
]
OnlyChangedOption = Annotated[bool, Option("--only-changed", help="Show metadata that is not the same in all of them.")]
CountOption = Annotated[bool, Option("--count", help="Print only the number of matches.")]
KeysOption = Annotated[bool, Option("--keys", help="List the metadata keys, with types and ranges.")]
ExitCodeOption = Annotated[bool, Option("--exit-code", help="Exit with 7 if nothing is found.")]
PlaceWhereOption = Annotated[
    list[str] | None,
    Option(
        "--where",
        metavar="EXPR",
        help="For NAME: select the first match. For a version: require a match, else exit 7.",
    ),
]
PlaceSortOption = Annotated[
    str | None,
    Option("--sort", metavar="KEY[,KEY]", help="With --where: order of matches. Default: the latest first."),
]

_T = TypeVar("_T")


def parsed(option: str, text: str | None, parse: Callable[[str], _T]) -> _T | None:
    """The value of an option, understood by `parse`, which raises ValueError. Raises BadUsage."""
    try:
        return None if text is None else parse(text)
    except ValueError as error:
        raise BadUsage(f"{text!r}: {error}", name=option) from None


def refuse_beside(option: str, given: Mapping[str, object]) -> None:
    """Refuse options, or arguments, that `option` would leave without effect."""
    idle = [name for name, value in given.items() if value not in (None, False, "", 0) and value != []]
    if idle:
        raise BadUsage(f"cannot be combined with {' or '.join(idle)}", name=option)


def chosen(state: State, reference: str, where: Sequence[str] | None, sort: str | None) -> str:
    """The reference, or the name of the version that the filter chooses."""
    if not where and not sort:
        return reference
    return state.repository().choose(reference, where=list(where or ()), sort=cli.choosing.split(sort)).name
