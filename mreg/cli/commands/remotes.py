"""`mreg remote …`: names for other repositories."""

from typing import TYPE_CHECKING, Annotated

import typer

from mreg.cli.changes import tell
from mreg.cli.context import Context
from mreg.cli.state import State
from mreg.cli.text import path_text
from mreg.values.names import composed

if TYPE_CHECKING:
    from mreg import Changed

RemoteArgument = Annotated[str, typer.Argument(metavar="NAME", help="The remote's name.", parser=composed)]
LocationArgument = Annotated[
    str, typer.Argument(metavar="LOCATION", help="A folder, or a URL: s3://, gs://, az://, ssh://, https://.")
]
UserOption = Annotated[bool, typer.Option("--user", help="Store it in your own settings, for all repositories.")]

_WHOSE = {True: "yours", False: "repository"}


def add(ctx: Context, name: RemoteArgument, location: LocationArgument, user: UserOption = False) -> None:
    """Define a name for another repository.

    NAME/artifact:alias then means what is in there, in every command that reads. The name stands for a location only:
    credentials stay where the tools of each store, or ssh, look for them. Nothing is asked there yet.
    """
    _kept(ctx.obj, name, user, ctx.obj.repository().add_remote(name, location, user=user))


def set_(ctx: Context, name: RemoteArgument, location: LocationArgument, user: UserOption = False) -> None:
    """Change the location of a remote."""
    _kept(ctx.obj, name, user, ctx.obj.repository().set_remote(name, location, user=user))


def rm(ctx: Context, name: RemoteArgument, user: UserOption = False) -> None:
    """Remove a remote. The repository that it refers to does not change."""
    done = ctx.obj.repository().remove_remote(name, user=user)
    tell(ctx.obj, (), done.seq, f"{name} is no remote any more", "brings it back")
    ctx.obj.emit({"name": name, "seq": done.seq}, lambda out: None)


def ls(ctx: Context) -> None:
    """List remotes: name, location, and the settings that define them.

    Those in the settings of a repository that others can change are not followed, and listed as such.
    """
    found = ctx.obj.repository().remotes()
    rows = [
        [one.name, path_text(one.location), _WHOSE[one.user], "" if one.followed else "not followed"] for one in found
    ]
    ctx.obj.emit({"remotes": found}, lambda out: out.table(["name", "location", "in", ""], rows))
    if not found:
        ctx.obj.note("no remotes yet: add one with `mreg remote add NAME LOCATION`")


def _kept(state: State, name: str, user: bool, done: "Changed") -> None:
    location = next(one.location for one in state.repository().remotes() if (one.name, one.user) == (name, user))
    already = not user and done.seq is None
    tell(state, (), done.seq, f"{name} is {location}{' already' if already else ''}")
    state.emit({"name": name, "location": location, "seq": done.seq}, lambda out: None)
