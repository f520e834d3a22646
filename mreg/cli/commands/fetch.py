"""`mreg use`, `mreg get` and `mreg cat`: getting files out."""

import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from mreg import lazy
from mreg.cli.commands.params import PlaceSortOption, PlaceWhereOption, ReferenceArgument, RunOption, chosen
from mreg.cli.declared import Argument, Option
from mreg.cli.errors import BadUsage
from mreg.cli.exit_codes import DAMAGED
from mreg.cli.progress import Bar
from mreg.cli.state import State
from mreg.cli.text import path_text
from mreg.values.file_names import stored
from mreg.values.words import count_text

if TYPE_CHECKING:
    from mreg import Checkout

NAMED = 10
"""How many files a note names."""


def use(
    state: State,
    reference: ReferenceArgument,
    run: RunOption = None,
    where: PlaceWhereOption = None,
    sort: PlaceSortOption = None,
) -> None:
    """Print the path of a read-only, verified, ready-to-load copy, made once and shared.

    With --run, record that this run used the version.
    """
    reference = chosen(state, reference, where, sort)
    with Bar("preparing", state) as bar:
        path = state.repository().use_path(reference, run=run, progress=bar)
    state.emit({"path": path}, lambda out: out.path(path))


def get(
    state: State,
    reference: ReferenceArgument,
    output: Annotated[
        str | None, Option("--output", "-o", metavar="DIR", help="Where to write. Default: ./NAME-vN.")
    ] = None,
    include: Annotated[
        list[str] | None, Option("--include", metavar="GLOB", help="Only matching files. Repeatable.", parse=stored)
    ] = None,
    exclude: Annotated[
        list[str] | None,
        Option("--exclude", metavar="GLOB", help="Leave out matching files. Repeatable.", parse=stored),
    ] = None,
    exact: Annotated[bool, Option("--exact", help="Remove files in DIR that are not part of the version.")] = False,
    force: Annotated[
        bool, Option("--force", help="With --exact: also remove files that the repository cannot restore.")
    ] = False,
    reflink: Annotated[
        bool, Option("--reflink", help="Clone files from the cache if the file system supports it.")
    ] = False,
    partial: Annotated[bool, Option("--partial", help="Leave out damaged files instead of failing.")] = False,
    where: PlaceWhereOption = None,
    sort: PlaceSortOption = None,
) -> int:
    """Write a version's files into a folder, verified; print the folder.

    A new folder appears complete or not at all. In an existing folder, files with the right content are not written
    again, files that differ are replaced atomically, one after the other, and other files are kept, and listed.
    Afterwards, all files and folders of the version have the same modification time.

    With --exact, files that are not part of the version are removed, and so are folders left empty. It is refused,
    with nothing changed, if the content of one of these files is in no version (--force removes it anyway), or if DIR
    contains a repository or another file system. Files of the version that --include or --exclude leave out are kept.

    With --partial, damaged files are left out and named; exit code 5 if there are any.
    """
    if force and not exact:
        raise BadUsage("only valid with --exact", name="--force")
    reference = chosen(state, reference, where, sort)
    repository = state.repository()
    with Bar("writing", state) as bar:
        done = repository.get(
            reference,
            output,
            include=include or (),
            exclude=exclude or (),
            exact=exact,
            force=force,
            partial=partial,
            reflink=reflink,
            progress=bar,
        )
    _tell(state, done, repository.location)
    state.emit(done, lambda out: out.path(done.path))
    return DAMAGED if done.damaged else 0


def _tell(state: State, done: "Checkout", location: str) -> None:
    """What was written, and what else is in the folder."""
    kept = f", {done.kept} unchanged" if done.kept else ""
    cloned = f" ({done.cloned} as clones)" if done.cloned else ""
    state.note(f"{done.version}: {count_text(done.written, 'file', 'files')} written{cloned}{kept}")
    if done.removed:
        state.note(f"removed, as not part of {done.version}: {_some(done.removed, state.verbose)}")
    if done.others:
        state.warn(f"not part of {done.version}, but still there: {_some(done.others, state.verbose)}")
        if not _holds_more(done.path, location):
            state.note("`mreg get --exact` removes files that are not part of the version")
    for path in done.damaged:
        state.warn(f"damaged, not written: {path_text(path)}")


def _holds_more(folder: str, repository: str) -> bool:
    """Whether it holds what nobody means to remove: where people work and live, and the repository."""
    inside = os.path.join(os.path.realpath(folder), "")
    places = (os.getcwd(), os.path.expanduser("~"), repository)
    return any(os.path.join(os.path.realpath(place), "").startswith(inside) for place in places)


def _some(paths: tuple[str, ...], every: bool) -> str:
    """The first of them, and how many more there are."""
    rest = 0 if every else max(0, len(paths) - NAMED)
    named = ", ".join(map(path_text, paths[: len(paths) - rest]))
    return f"{named} and {rest} more" if rest else named


def cat(
    state: State,
    reference: ReferenceArgument,
    file: Annotated[str, Argument(metavar="FILE", help="The file's path in the version.")],
) -> None:
    """Write one file to standard output, verified chunk by chunk; with --json, as base64."""
    blocks = state.repository().read(reference, file)
    if state.json:
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
