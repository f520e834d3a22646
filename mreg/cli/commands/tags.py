"""`mreg tag add`, `rm` and `ls`."""

from typing import TYPE_CHECKING, Annotated

import typer

from mreg.cli.changes import tell
from mreg.cli.commands.params import ModelArgument, ReasonOption
from mreg.cli.context import Context
from mreg.cli.state import State

if TYPE_CHECKING:
    from mreg import TagsResult

TagsArgument = Annotated[list[str], typer.Argument(metavar="TAG...", help="Words of letters, digits, _, - and spaces.")]


def add(ctx: Context, model: ModelArgument, tags: TagsArgument, message: ReasonOption = None) -> None:
    """Add tags to a registered model; print all its tags."""
    _changed(ctx.obj, ctx.obj.repository().add_tags(model, tags, message=message))


def rm(ctx: Context, model: ModelArgument, tags: TagsArgument, message: ReasonOption = None) -> None:
    """Remove tags from a registered model; print the remaining ones."""
    _changed(ctx.obj, ctx.obj.repository().remove_tags(model, tags, message=message))


def _changed(state: State, done: "TagsResult") -> None:
    tell(state, done.changes, done.seq, "" if done.changes else f"the tags of {done.model} are the same as before")
    state.emit(done, lambda out: out.table(["tag"], [[tag] for tag in done.tags]))


def _print(state: State, model: str, tags: tuple[str, ...]) -> None:
    state.emit({"model": model, "tags": tags}, lambda out: out.table(["tag"], [[tag] for tag in tags]))


def ls(
    ctx: Context,
    model: Annotated[str | None, typer.Argument(metavar="[MODEL]", help="Only the tags of this model.")] = None,
) -> None:
    """List the tags in use and the models that have them."""
    repository = ctx.obj.repository()
    if model is not None:
        _print(ctx.obj, model, repository.model(model).tags)
        return
    found = repository.tags()
    rows = [[tag, ", ".join(models)] for tag, models in found.items()]
    ctx.obj.emit({"tags": found}, lambda out: out.table(["tag", "models"], rows))
