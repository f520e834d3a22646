"""`mreg show` and `mreg files`."""

from typing import TYPE_CHECKING, Annotated

from mreg.cli import show_page
from mreg.cli.commands.params import ReferenceArgument
from mreg.cli.declared import Argument, Option
from mreg.cli.output import Out
from mreg.cli.progress import Bar
from mreg.cli.state import State
from mreg.cli.text import path_text
from mreg.values.checksums import LENGTHS, checksum_line
from mreg.values.file_names import local
from mreg.values.words import size_text

if TYPE_CHECKING:
    from mreg import Repository


SHORT = 12
"""Hex digits of a digest that a person is shown."""


def show(
    state: State,
    reference: Annotated[
        str, Argument(metavar="REFERENCE", help="A version, or the bare name of an artifact or a model.")
    ],
) -> None:
    """Show everything about a version, an artifact or a registered model."""
    show_page.show(state, reference)


def _list_checksums(state: State, repository: "Repository", version: str, algorithm: str) -> None:
    with Bar("reading", state, sums_up=False) as bar:
        found = repository.digests(version, algorithm, progress=bar)
    listed = [file._asdict() | {algorithm: found[file.path]} for file in repository.files(version)]
    lines = [checksum_line(digest, local(path)) for path, digest in found.items()]

    def render(out: Out) -> None:
        for line in lines:
            (out.line if out.terminal else out.path)(line)

    state.emit({"files": listed, "folders": repository.folders(version)}, render)


def files(
    state: State,
    reference: ReferenceArgument,
    algorithm: Annotated[
        str | None,
        Option(
            "--digest",
            metavar="ALGORITHM",
            help=f"List checksums only: {', '.join(LENGTHS)}.",
        ),
    ] = None,
    full: Annotated[bool, Option("--full", help="Show whole digests and sizes in bytes on a terminal, too.")] = False,
) -> None:
    """List a version's files with size and digest. The digest is that of `b3sum FILE`.

    On a terminal the digests are shortened.

    Empty folders end with a slash. With --digest, print lines for `sha256sum -c` (md5sum, b3sum): files are
    read once, and their checksums remembered.
    """
    repository = state.repository()
    version = repository.resolve(reference).name
    if algorithm is not None:
        _list_checksums(state, repository, version, algorithm)
        return
    found, folders = repository.files(version), repository.folders(version)

    def render(out: Out) -> None:
        short = out.terminal and not full
        lines = [
            (file.path, *((file.digest[:SHORT], size_text(file.size)) if short else (file.digest, str(file.size))))
            for file in found
        ]
        lines += [(f"{one}/", "-", "-") for one in folders]
        out.table(["digest", "size", "path"], [[digest, size, path_text(path)] for path, digest, size in sorted(lines)])

    state.emit({"files": found, "folders": folders}, render)
