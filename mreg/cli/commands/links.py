"""`mreg link` and `mreg unlink`."""

from typing import Annotated

import typer

from mreg.cli.changes import tell
from mreg.cli.commands.params import ExpectOption, ModelArgument, ReasonOption, ReferenceArgument
from mreg.cli.context import Context


def link(
    ctx: Context,
    reference: ReferenceArgument,
    model: ModelArgument,
    alias: Annotated[
        list[str] | None,
        typer.Option("--alias", metavar="ALIAS", help="Move this alias of MODEL to the link. Repeatable."),
    ] = None,
    expect: ExpectOption = None,
    message: ReasonOption = None,
    force: Annotated[
        bool, typer.Option("--force", help="Link it even if MODEL is for versions of another type.")
    ] = False,
) -> None:
    """Link a version into a registered model, and print the link as `MODEL:vN`.

    The model is created if it does not exist. A model links a version only once; repeating the command prints the
    existing link.
    """
    repository = ctx.obj.repository()
    result = repository.link(reference, model, aliases=alias or (), expect=expect, message=message, force=force)
    already = "" if result.created else f"{result.link.name} is {result.link.version} already"
    tell(ctx.obj, result.changes, result.seq, already)
    ctx.obj.emit(result, lambda out: out.line(result.link.name))


def unlink(
    ctx: Context,
    reference: Annotated[str, typer.Argument(metavar="MODEL:vN", help="The link.")],
    force: Annotated[
        bool, typer.Option("--force", help="Remove it even if aliases point at it, and remove those too.")
    ] = False,
    message: ReasonOption = None,
) -> None:
    """Remove a link from a registered model; the version stays."""
    done = ctx.obj.repository().unlink(reference, force=force, message=message)
    others = [one for one in done.changes if one.kind != "link"]
    headline = f"removed {done.link.name}; {done.link.version} stays{'; with it went' if others else ''}"
    tell(ctx.obj, others, done.seq, headline, "brings it back")
    ctx.obj.emit(done, lambda out: out.line(done.link.name))
