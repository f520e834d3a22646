"""`mreg lineage`."""

from typing import Annotated

import typer

from mreg.cli import lineage_views
from mreg.cli.commands.params import ReferenceArgument
from mreg.cli.context import Context

FORMATS = ("tree", "mermaid", "cyclonedx")


def lineage(
    ctx: Context,
    reference: ReferenceArgument,
    up: Annotated[bool, typer.Option("--up", help="Show only what it was made from.")] = False,
    down: Annotated[
        bool, typer.Option("--down", help="Show only what was made from it and which runs used it.")
    ] = False,
    depth: Annotated[int | None, typer.Option("--depth", metavar="N", min=0, help="Show at most N steps.")] = None,
    form: Annotated[str, typer.Option("--format", metavar="FORMAT", help=", ".join(FORMATS) + ".")] = "tree",
) -> None:
    """Show what a version was made from, what was made from it, and which runs used it.

    Formats: a tree (in a pipe, a row for each step), Mermaid for Markdown pages, and a CycloneDX ML-BOM, whose hashes
    are those of the version's files.
    """
    if form not in FORMATS:
        raise typer.BadParameter(f"{form!r} is none of {', '.join(FORMATS)}", param_hint="--format")
    lineage_views.show(ctx.obj, reference, up=up or not down, down=down or not up, depth=depth, form=form)
