"""`mreg export`."""

from typing import TYPE_CHECKING, Annotated

from mreg.cli.commands.params import ReferenceArgument
from mreg.cli.declared import Option
from mreg.cli.errors import BadUsage
from mreg.cli.progress import Bar
from mreg.cli.state import State
from mreg.values.words import count_text, size_text

if TYPE_CHECKING:
    from mreg import Exported


def export(
    state: State,
    reference: ReferenceArgument,
    folder: Annotated[str | None, Option("--folder", metavar="DIR", help="Write the files with SHA256SUMS.")] = None,
    hub: Annotated[
        str | None, Option("--hf", metavar="DIR", help="Write the files with a card, for the Hugging Face Hub.")
    ] = None,
    layout: Annotated[
        str | None, Option("--oci", metavar="DIR", help="Write an OCI image layout (ModelPack), for registries.")
    ] = None,
    dry_run: Annotated[bool, Option("--dry-run", help="Write nothing; check that the export is possible.")] = False,
) -> None:
    """Write a version into a new or empty folder, in the layout that another tool expects; print its path.

    Every byte is verified, and the folder appears complete or not at all. The same version gives the same bytes. `mreg
    import` reads an OCI layout back.
    """
    chosen = {"folder": folder, "hf": hub, "oci": layout}
    wanted = [(form, place) for form, place in chosen.items() if place is not None]
    if len(wanted) != 1:
        raise BadUsage("give one of --folder, --hf and --oci")
    form, place = wanted[0]
    with Bar("exporting", state) as bar:
        done = state.repository().export(reference, place, form, dry_run=dry_run, progress=bar)
    state.note(_headline(done))
    for note in done.notes:
        state.note(note)
    state.emit(done, lambda out: out.path(done.path))


def _headline(done: "Exported") -> str:
    files = f"{count_text(done.files, 'file', 'files')}, {size_text(done.size)}"
    if done.dry_run:
        return f"{done.version}: would be exported, {files}"
    cloned = f" ({done.cloned} as clones)" if done.cloned else ""
    return f"{done.version}: exported, {files}{cloned}"
