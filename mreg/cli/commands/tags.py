"""`mreg tag add`, `rm` and `ls`."""

from typing import TYPE_CHECKING, Annotated

from mreg.cli.changes import tell
from mreg.cli.commands.params import ReasonOption
from mreg.cli.declared import Argument
from mreg.cli.state import State
from mreg.values.names import composed

if TYPE_CHECKING:
    from mreg import TagsResult

TaggedArgument = Annotated[
    str, Argument(metavar="REFERENCE", help="A registered model, or a version as NAME:vN.", parse=composed)
]
TagsArgument = Annotated[list[str], Argument(metavar="TAG...", help="Words of letters, digits, _, - and spaces.")]


def add(state: State, reference: TaggedArgument, tags: TagsArgument, message: ReasonOption = None) -> None:
    """Add tags to a registered model, or to a version; print all its tags."""
    _changed(state, state.repository().add_tags(reference, tags, message=message))


def rm(state: State, reference: TaggedArgument, tags: TagsArgument, message: ReasonOption = None) -> None:
    """Remove tags from a registered model, or from a version; print the remaining ones."""
    _changed(state, state.repository().remove_tags(reference, tags, message=message))


def _changed(state: State, done: "TagsResult") -> None:
    tell(state, done.changes, done.seq, "" if done.changes else f"the tags of {done.model} are unchanged")
    state.emit(done, lambda out: out.table(["tag"], [[tag] for tag in done.tags]))


def _print(state: State, model: str, tags: tuple[str, ...]) -> None:
    state.emit({"model": model, "tags": tags}, lambda out: out.table(["tag"], [[tag] for tag in tags]))


def ls(
    state: State,
    reference: Annotated[
        str | None, Argument(metavar="[REFERENCE]", help="Only the tags of this model or version.")
    ] = None,
) -> None:
    """List the tags in use, with the models and versions that have them."""
    repository = state.repository()
    if reference is not None and ":" in reference:
        version = repository.version(reference)
        _print(state, version.name, version.tags)
        return
    if reference is not None:
        _print(state, reference, repository.model(reference).tags)
        return
    found = repository.tags()
    rows = [[tag, ", ".join(models)] for tag, models in found.items()]
    state.emit({"tags": found}, lambda out: out.table(["tag", "of"], rows))
