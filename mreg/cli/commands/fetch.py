"""`mreg use`, `mreg get` and `mreg cat`: getting files out."""

import sys
from collections.abc import Iterator
from typing import Annotated

import typer

from mreg import lazy
from mreg.cli import plain
from mreg.cli.commands.filtering import PlaceSortOption, PlaceWhereOption, chosen
from mreg.cli.commands.params import ReferenceArgument, RunOption
from mreg.cli.context import Context
from mreg.cli.exit_codes import DAMAGED
from mreg.cli.progress import Bar


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
        list[str] | None, typer.Option("--include", metavar="GLOB", help="Only files that match. Repeatable.")
    ] = None,
    partial: Annotated[bool, typer.Option("--partial", help="Leave out damaged files, instead of refusing.")] = False,
    where: PlaceWhereOption = None,
    sort: PlaceSortOption = None,
) -> int:
    """Write a version's files into a folder, verified; print the folder.

    A new folder is there whole or not at all. In one that exists, files that are right are not written again, those
    that differ are replaced one after the other, each at once, and others stay.

    With --partial, files that are damaged are left out and named; exit code 5 if there are any.
    """
    reference = chosen(ctx.obj, reference, where, sort)
    with Bar("writing", ctx.obj) as bar:
        done = ctx.obj.repository().get(reference, output, include=include or (), partial=partial, progress=bar)
    kept = f", {done.kept} were there already" if done.kept else ""
    ctx.obj.note(f"{done.version}: {done.written} file{'s' * (done.written != 1)} written{kept}")
    for path in done.damaged:
        ctx.obj.warn(f"damaged, not written: {path}")
    ctx.obj.emit(done, lambda out: out.path(done.path))
    return DAMAGED if done.damaged else 0


def cat(
    ctx: Context,
    reference: ReferenceArgument,
    file: Annotated[str, typer.Argument(metavar="FILE", help="The file's path in the version.")],
) -> None:
    """Write one file to standard output, verified piece by piece; with --json as base64."""
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
