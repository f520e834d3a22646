"""`mreg lineage`."""

from typing import Annotated

from mreg.cli import lineage_views
from mreg.cli.commands.params import ReferenceArgument
from mreg.cli.declared import Option
from mreg.cli.errors import BadUsage
from mreg.cli.state import State

FORMATS = ("tree", "mermaid", "cyclonedx")


def lineage(
    state: State,
    reference: ReferenceArgument,
    up: Annotated[bool, Option("--up", help="Show only what it was made from.")] = False,
    down: Annotated[bool, Option("--down", help="Show only what was made from it and which runs used it.")] = False,
    depth: Annotated[int | None, Option("--depth", metavar="N", least=0, help="Show at most N steps.")] = None,
    form: Annotated[str, Option("--format", metavar="FORMAT", help=", ".join(FORMATS) + ".")] = "tree",
) -> None:
    """Show what a version was made from, what was made from it, and which runs used it.

    Formats: a tree (in a pipe, a row for each step), Mermaid for Markdown pages, and a CycloneDX ML-BOM, whose hashes
    are those of the version's files.
    """
    if form not in FORMATS:
        raise BadUsage(f"{form!r} is not one of {', '.join(FORMATS)}", name="--format")
    lineage_views.show(state, reference, up=up or not down, down=down or not up, depth=depth, form=form)
