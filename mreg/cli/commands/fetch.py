"""`mreg use`, `mreg get` and `mreg cat`: getting files out."""

import sys
from collections.abc import Iterator
from typing import Annotated

import typer

from mreg import lazy
from mreg.cli import get_result, plain
from mreg.cli.commands.filtering import PlaceSortOption, PlaceWhereOption, chosen
from mreg.cli.commands.params import ReferenceArgument, RunOption
from mreg.cli.context import Context


def use(
    ctx: Context,
    reference: ReferenceArgument,
    run: RunOption = None,
    where: PlaceWhereOption = None,
    sort: PlaceSortOption = None,
) -> None:
    """Print the path of a read-only, verified, ready-to-load copy, made once and shared.

    With --run, record that this run consumed the version.
    """
    plain.use(ctx.obj, chosen(ctx.obj, reference, where, sort), run)


def get(
    ctx: Context,
    reference: ReferenceArgument,
    output: Annotated[
        str | None, typer.Option("--output", "-o", metavar="DIR", help="Where to write. Default: ./NAME-vN.")
    ] = None,
    include: Annotated[
        list[str] | None, typer.Option("--include", metavar="GLOB", help="Only matching files. Repeatable.")
    ] = None,
    exclude: Annotated[
        list[str] | None, typer.Option("--exclude", metavar="GLOB", help="Leave out matching files. Repeatable.")
    ] = None,
    exact: Annotated[
        bool, typer.Option("--exact", help="Remove files in DIR that are not part of the version.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="With --exact: also remove files that the repository cannot restore.")
    ] = False,
    reflink: Annotated[
        bool, typer.Option("--reflink", help="Clone files from the cache if the file system supports it.")
    ] = False,
    partial: Annotated[bool, typer.Option("--partial", help="Leave out damaged files instead of failing.")] = False,
    where: PlaceWhereOption = None,
    sort: PlaceSortOption = None,
) -> int:
    """Write a version's files into a folder, verified; print the folder.

    A new folder is there whole or not at all. In one that exists, files that are right are not written again, those
    that differ are replaced one after the other, each at once, and others stay, but are named. All files and folders
    of the version then bear the same time.

    With --exact, files that are not of the version are removed, with folders that hold nothing else. It is refused,
    with nothing changed, if one of them has bytes that no version has (--force removes them too), or if a repository
    or another file system lies in DIR. Files that --include or --exclude leave out are of the version, and stay.

    With --partial, damaged files are left out and named; exit code 5 if there are any.
    """
    if force and not exact:
        raise typer.BadParameter("it says what --exact may remove, and goes with that only", param_hint="--force")
    reference = chosen(ctx.obj, reference, where, sort)
    return get_result.get(
        ctx.obj,
        reference,
        output,
        include=include or (),
        exclude=exclude or (),
        exact=exact,
        force=force,
        partial=partial,
        reflink=reflink,
    )


def cat(
    ctx: Context,
    reference: ReferenceArgument,
    file: Annotated[str, typer.Argument(metavar="FILE", help="The file's path in the version.")],
) -> None:
    """Write one file to standard output, verified chunk by chunk; with --json as base64."""
    blocks = ctx.obj.repository().read(reference, file)
    if ctx.obj.json:
        _print_encoded(file, blocks)
        return
    for block in blocks:
        sys.stdout.buffer.write(block)
    sys.stdout.buffer.flush()


def _print_encoded(path: str, blocks: Iterator[bytes]) -> None:
    """One JSON document, written as the file is read: it may be larger than memory."""
    sys.stdout.write(f'{{"path": {lazy.json.dumps(path)}, "encoding": "base64", "content": "')
    rest = b""
    for block in blocks:
        rest += block
        whole = len(rest) - len(rest) % 3
        sys.stdout.write(lazy.base64.b64encode(rest[:whole]).decode("ascii"))
        rest = rest[whole:]
    sys.stdout.write(lazy.base64.b64encode(rest).decode("ascii") + '"}\n')
