"""Parameters that several commands have."""

from collections.abc import Callable
from typing import Annotated, TypeVar

import typer

from mreg.values.names import composed

ReferenceArgument = Annotated[
    str, typer.Argument(metavar="REFERENCE", help="NAME, NAME:vN, NAME:ALIAS, NAME:latest or NAME:@DIGEST.")
]
NameArgument = Annotated[
    str, typer.Argument(metavar="NAME", help="An artifact or a registered model.", parser=composed)
]
ArtifactArgument = Annotated[str, typer.Argument(metavar="ARTIFACT", help="The artifact's name.", parser=composed)]
ModelArgument = Annotated[str, typer.Argument(metavar="MODEL", help="The registered model's name.", parser=composed)]
ForceOption = Annotated[
    bool, typer.Option("--force", help="Delete it even if aliases or links hold it, and remove those too.")
]
ExpectOption = Annotated[
    list[str] | None,
    typer.Option(
        "--expect",
        metavar="[[MODEL:]ALIAS=]vN",
        help="Move the alias only from vN (none: if it is new). With several: ALIAS=vN. Repeatable.",
    ),
]
AtOption = Annotated[
    str | None,
    typer.Option("--at", metavar="TIME|SEQ", help="Show the state at this entry, time, date or age (2h)."),
]
RunOption = Annotated[str | None, typer.Option("--run", metavar="ID", help="ID of the training or serving run.")]
ReasonOption = Annotated[
    str | None, typer.Option("--message", "-m", metavar="TEXT", help="Reason, recorded in the history.")
]
MessageOption = Annotated[
    str | None, typer.Option("--message", "-m", metavar="TEXT", help="Description of this version.")
]
MetaOption = Annotated[
    list[str] | None,
    typer.Option(
        "--meta", metavar="KEY=VALUE", help="Metadata; dots nest; numbers and booleans keep their type. Repeatable."
    ),
]
MetaFileOption = Annotated[
    str | None, typer.Option("--meta-file", metavar="FILE", help="Metadata from a JSON or TOML file.")
]
InputOption = Annotated[
    list[str] | None,
    typer.Option("--input", metavar="REFERENCE", help="Version that it was made from. Repeatable."),
]

_T = TypeVar("_T")


def parsed(option: str, text: str | None, parse: Callable[[str], _T]) -> _T | None:
    """The value of an option, understood by `parse`, which raises ValueError. Raises typer.BadParameter."""
    try:
        return None if text is None else parse(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r}: {error}", param_hint=option) from None
