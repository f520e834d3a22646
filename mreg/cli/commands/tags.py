"""`mreg tag add`, `rm` and `ls`."""

from typing import Annotated

import typer

from mreg.cli.commands.params import ModelArgument
from mreg.cli.output import emit
from mreg.cli.state import current

TagsArgument = Annotated[list[str], typer.Argument(metavar="TAG...", help="Words of letters, digits, _, - and spaces.")]


def add(model: ModelArgument, tags: TagsArgument) -> None:
    """Add tags to a registered model; print all that it has then."""
    _print(model, current.repository().add_tags(model, tags))


def rm(model: ModelArgument, tags: TagsArgument) -> None:
    """Remove tags from a registered model; print those that it has left."""
    _print(model, current.repository().remove_tags(model, tags))


def _print(model: str, tags: tuple[str, ...]) -> None:
    emit({"model": model, "tags": tags}, lambda out: out.table(["tag"], [[tag] for tag in tags]))


def ls(
    model: Annotated[str | None, typer.Argument(metavar="[MODEL]", help="Only the tags of this model.")] = None,
) -> None:
    """List the tags in use and the models that have them."""
    repository = current.repository()
    if model is not None:
        _print(model, repository.model(model).tags)
        return
    found = repository.tags()
    rows = [[tag, ", ".join(models)] for tag, models in found.items()]
    emit({"tags": found}, lambda out: out.table(["tag", "models"], rows))
