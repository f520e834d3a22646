"""`mreg link` and `mreg unlink`."""

from typing import Annotated

from mreg.cli.changes import tell
from mreg.cli.commands.params import ExpectOption, ModelArgument, ReasonOption, ReferenceArgument
from mreg.cli.declared import Argument, Option
from mreg.cli.state import State


def link(
    state: State,
    reference: ReferenceArgument,
    model: ModelArgument,
    alias: Annotated[
        list[str] | None,
        Option("--alias", metavar="ALIAS", help="Move this alias of MODEL to the link. Repeatable."),
    ] = None,
    expect: ExpectOption = None,
    message: ReasonOption = None,
    force: Annotated[bool, Option("--force", help="Link it even if MODEL is for versions of another type.")] = False,
) -> None:
    """Link a version into a registered model, and print the link as `MODEL:vN`.

    The model is created if it does not exist. A model links a version only once; repeating the command prints the
    existing link.
    """
    repository = state.repository()
    result = repository.link(reference, model, aliases=alias or (), expect=expect, message=message, force=force)
    already = "" if result.created else f"{result.link.name} is {result.link.version} already"
    tell(state, result.changes, result.seq, already)
    state.emit(result, lambda out: out.line(result.link.name))


def unlink(
    state: State,
    reference: Annotated[str, Argument(metavar="MODEL:vN", help="The link.")],
    force: Annotated[
        bool, Option("--force", help="Remove it even if aliases point at it, and remove those too.")
    ] = False,
    message: ReasonOption = None,
) -> None:
    """Remove a link from a registered model; the version stays."""
    done = state.repository().unlink(reference, force=force, message=message)
    others = [one for one in done.changes if one.kind != "link"]
    headline = f"removed {done.link.name}; {done.link.version} stays{', and with it' if others else ''}"
    tell(state, others, done.seq, headline, "restores it")
    state.emit(done, lambda out: out.line(done.link.name))
