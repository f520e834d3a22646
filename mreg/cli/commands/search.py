"""`mreg search`."""

from typing import Annotated

import typer

from mreg.cli.context import Context


def search(
    ctx: Context,
    text: Annotated[str, typer.Argument(metavar="[TEXT]", help="Text to find (case-insensitive).")] = "",
    tag: Annotated[
        list[str] | None, typer.Option("--tag", metavar="TAG", help="Only models that have this tag. Repeatable.")
    ] = None,
) -> None:
    """Find registered models, artifacts and versions by name, text, tag, alias and metadata."""
    models, artifacts, versions = ctx.obj.repository().search(text, tags=tag or ())
    rows = [["model", one.name, ", ".join(one.tags), one.description] for one in models]
    rows += [["artifact", one.name, "", one.description] for one in artifacts]
    rows += [["version", one.name, ", ".join(one.aliases), one.message.partition("\n")[0]] for one in versions]
    if not rows:
        ctx.obj.note("nothing found")
    body = {"models": models, "artifacts": artifacts, "versions": versions}
    ctx.obj.emit(body, lambda out: out.table(["kind", "name", "tags, aliases", "text"], rows))
