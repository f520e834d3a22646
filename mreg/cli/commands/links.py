"""`mreg link` and `mreg unlink`."""

from typing import Annotated

import typer

from mreg.cli.commands.params import ModelArgument, ReferenceArgument
from mreg.cli.context import Context


def link(
    ctx: Context,
    reference: ReferenceArgument,
    model: ModelArgument,
    alias: Annotated[
        list[str] | None,
        typer.Option("--alias", metavar="ALIAS", help="Move this alias of MODEL here. Repeatable."),
    ] = None,
) -> None:
    """Link a version into a registered model, and print the link as `MODEL:vN`.

    The model is made if it does not exist. A model links a version once; repeating it prints the link that is there.
    """
    result = ctx.obj.repository().link(reference, model, aliases=alias or ())
    if result.model_created:
        ctx.obj.note(f"made registered model {model}")
    ctx.obj.note(f"{result.link.name} {'is' if result.created else 'was already'} {result.link.version}")
    ctx.obj.emit(result, lambda out: out.line(result.link.name))


def unlink(
    ctx: Context,
    reference: Annotated[str, typer.Argument(metavar="MODEL:vN", help="The link.")],
    force: Annotated[bool, typer.Option("--force", help="Do it even if aliases of the model are on it.")] = False,
) -> None:
    """Remove a link from a registered model; the version stays."""
    removed = ctx.obj.repository().unlink(reference, force=force)
    ctx.obj.note(f"removed {removed.name}; {removed.version} stays")
    ctx.obj.emit(removed, lambda out: out.line(removed.name))
