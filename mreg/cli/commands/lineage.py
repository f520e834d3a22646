"""`mreg lineage`."""

from typing import Annotated, Any

import typer

from mreg.cli import lineage_views
from mreg.cli.choosing import told
from mreg.cli.commands.params import ReferenceArgument
from mreg.cli.context import Context
from mreg.cli.output import Out

FORMATS = ("tree", "mermaid", "cyclonedx")


def lineage(
    ctx: Context,
    reference: ReferenceArgument,
    up: Annotated[bool, typer.Option("--up", help="Only what it was made from.")] = False,
    down: Annotated[bool, typer.Option("--down", help="Only what was made from it, and who uses it.")] = False,
    depth: Annotated[int | None, typer.Option("--depth", metavar="N", min=0, help="At most N steps away.")] = None,
    form: Annotated[str, typer.Option("--format", metavar="FORMAT", help=", ".join(FORMATS) + ".")] = "tree",
) -> None:
    """Show what a version was made from, what was made from it, and who uses it: versions, files, addresses and runs.

    Formats: a tree (in a pipe, a row for each step), Mermaid for Markdown pages, and a CycloneDX ML-BOM, whose hashes
    are those of the version's files.
    """
    if form not in FORMATS:
        raise typer.BadParameter(f"{form!r} is none of {', '.join(FORMATS)}", param_hint="--format")
    repository = ctx.obj.repository()
    ways = {"up": up or not down, "down": down or not up}
    found = repository.lineage(reference, **ways, depth=depth, told=told(ctx.obj))

    def render(out: Out) -> None:
        if form == "mermaid":
            lineage_views.mermaid(out, found)
        elif form == "cyclonedx":
            lineage_views.bom(found, repository.version(reference), repository.files(reference))
        elif out.terminal:
            lineage_views.tree(out, reference, found, **ways)
        else:
            lineage_views.rows(out, found, **ways)

    body: dict[str, Any] = {"digest": found.digest, "nodes": found.nodes, "steps": found.steps}
    ctx.obj.emit(body, render)
