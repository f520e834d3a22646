"""`mreg init` and `mreg upgrade`."""

import os
from typing import Annotated

from mreg.cli.declared import Argument, Option
from mreg.cli.shell import shell_word
from mreg.cli.state import State
from mreg.repository import Repository
from mreg.repository.opening import AlreadyInitialised


def init(
    state: State,
    directory: Annotated[
        str | None,
        Argument(
            metavar="[DIR]", help="Folder to create `.mreg` in. Default: --repo, MREG_REPO, or the working folder."
        ),
    ] = None,
    shared: Annotated[
        bool,
        Option("--shared", help="Let all members of the folder's group write to it, regardless of the umask."),
    ] = False,
    format_: Annotated[
        int | None,
        Option("--format", metavar="N", help="Repository format, for older releases. Default: the newest."),
    ] = None,
) -> None:
    """Create the repository DIR/.mreg. If it already exists, say so and change nothing."""
    place = directory or state.repo or os.environ.get("MREG_REPO") or "."
    try:
        repository, created = Repository.init(place, shared=shared, format=format_), True
    except AlreadyInitialised as error:
        repository, created = Repository.open(error.location), False
    state.note(f"{'made an empty repository' if created else 'there is already a repository'}: {repository.location}")
    if shared and not created:
        state.note("`mreg config set core.shared group` shares it")
    elif shared:
        where = shell_word(repository.location)
        state.note(f"each other member must run `mreg config set --user safe.directory {where}` once")
    body = {"location": repository.location, "id": repository.id, "created": created}
    state.emit(body, lambda out: out.path(repository.location))


def upgrade(state: State) -> None:
    """Upgrade the repository to the newest format, and print its number. No data is converted.

    Older releases of mreg can no longer use the repository afterwards. The only way back is a copy made before.
    """
    done = state.repository().upgrade()
    if done.seq is None:
        state.note(f"the repository has format {done.format} already")
    else:
        state.note(
            f"the repository had format {done.before}; releases that do not know format {done.format} refuse it now"
        )
    state.emit(done, lambda out: out.line(str(done.format)))
