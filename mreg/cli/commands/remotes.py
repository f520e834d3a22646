"""`mreg remote …`: names for other repositories."""

from typing import TYPE_CHECKING, Annotated

from mreg.cli.changes import tell
from mreg.cli.declared import Argument, Option
from mreg.cli.state import State
from mreg.cli.text import path_text
from mreg.values.names import composed

if TYPE_CHECKING:
    from mreg import Changed

RemoteArgument = Annotated[str, Argument(metavar="NAME", help="The remote's name.", parse=composed)]
LocationArgument = Annotated[
    str, Argument(metavar="LOCATION", help="A folder, or a URL: s3://, gs://, az://, ssh://, https://.")
]
UserOption = Annotated[bool, Option("--user", help="Store it in your own settings, for all repositories.")]

_WHOSE = {True: "yours", False: "repository"}


def add(state: State, name: RemoteArgument, location: LocationArgument, user: UserOption = False) -> None:
    """Define a name for another repository.

    NAME/artifact:alias then refers to that repository, in most commands that only read. The name stands for the
    location only: credentials stay where ssh or the store's own tools look for them. The location is not contacted yet.
    """
    _kept(state, name, user, state.repository().add_remote(name, location, user=user))


def set_(state: State, name: RemoteArgument, location: LocationArgument, user: UserOption = False) -> None:
    """Change the location of a remote."""
    _kept(state, name, user, state.repository().set_remote(name, location, user=user))


def rm(
    state: State,
    name: RemoteArgument,
    user: Annotated[bool, Option("--user", help="Remove it from your own settings.")] = False,
) -> None:
    """Remove a remote. The repository that it refers to does not change."""
    done = state.repository().remove_remote(name, user=user)
    tell(state, (), done.seq, f"removed the remote {name}", "restores it")
    state.emit({"name": name, "seq": done.seq}, lambda out: None)


def ls(state: State) -> None:
    """List remotes: name, location, and the settings that define them.

    Remotes that a repository of somebody else defines are ignored, and listed as such.
    """
    found = state.repository().remotes()
    rows = [
        [one.name, path_text(one.location), _WHOSE[one.user], "" if one.followed else "not followed"] for one in found
    ]
    state.emit({"remotes": found}, lambda out: out.table(["name", "location", "in", ""], rows))
    if not found:
        state.note("no remotes yet: add one with `mreg remote add NAME LOCATION`")


def _kept(state: State, name: str, user: bool, done: "Changed") -> None:
    location = next(one.location for one in state.repository().remotes() if (one.name, one.user) == (name, user))
    already = not user and done.seq is None
    tell(state, (), done.seq, f"{name} is {location}{' already' if already else ''}")
    state.emit({"name": name, "location": location, "seq": done.seq}, lambda out: None)
