"""`mreg init`."""

import os
import shlex
from typing import Annotated

import typer

from mreg.cli.state import Context
from mreg.repository import AlreadyInitialised, Repository


def init(
    ctx: Context,
    directory: Annotated[
        str | None, typer.Argument(metavar="[DIR]", help="Where to make `.mreg`. Default: --repo, MREG_REPO, or here.")
    ] = None,
    shared: Annotated[
        bool, typer.Option("--shared", help="Let all members of the folder's group write to it, whatever the umask.")
    ] = False,
) -> None:
    """Make the repository DIR/.mreg. Where there is one already, say so and change nothing."""
    place = directory or ctx.obj.repo or os.environ.get("MREG_REPO") or "."
    try:
        repository, created = Repository.init(place, shared=shared), True
    except AlreadyInitialised as error:
        repository, created = Repository.open(error.location), False
    ctx.obj.note(f"{'made an empty repository' if created else 'there is a repository already'}: {repository.location}")
    if shared and not created:
        ctx.obj.note("`mreg config set core.shared group` shares it")
    elif shared:
        where = shlex.quote(repository.location)
        ctx.obj.note(f"the others say `mreg config set --user safe.directory {where}` once, as it is not theirs")
    body = {"location": repository.location, "id": repository.id, "created": created}
    ctx.obj.emit(body, lambda out: out.path(repository.location))
