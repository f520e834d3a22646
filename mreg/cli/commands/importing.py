"""`mreg import`."""

from typing import TYPE_CHECKING, Annotated

from mreg.cli.changes import tell
from mreg.cli.declared import Argument, Option
from mreg.cli.errors import BadUsage
from mreg.cli.output import Out
from mreg.cli.progress import Bar
from mreg.cli.state import State
from mreg.cli.text import path_text
from mreg.values.names import composed
from mreg.values.words import count_text, size_text

if TYPE_CHECKING:
    from mreg import Imported, ImportedCollection, ImportedVersion

_TOLD = ("alias", "artifact")
"""Kinds of changes that are told one by one, beside the versions."""


def import_(
    state: State,
    source: Annotated[str, Argument(metavar="SOURCE", help="Folder or file of another tool (read only).")],
    kind: Annotated[
        str | None,
        Option(
            "--from",
            metavar="KIND",
            help="checkpoints, dvc, gto, huggingface, mlflow, oci or wandb. Default: detected.",
        ),
    ] = None,
    layout: Annotated[bool, Option("--oci", help="Same as --from oci.")] = False,
    artifact: Annotated[
        str | None,
        Option(
            "--artifact",
            "-a",
            metavar="NAME",
            help="Name of the artifact. Default: from the source.",
            parse=composed,
        ),
    ] = None,
    only: Annotated[
        list[str] | None,
        Option("--only", metavar="NAME", help="Import only this one (its name in the source). Repeatable."),
    ] = None,
    data: Annotated[
        list[str] | None,
        Option("--data", metavar="DIR", help="Also look for files in this folder. Repeatable."),
    ] = None,
    partial: Annotated[bool, Option("--partial", help="Leave out missing files, instead of failing.")] = False,
    dry_run: Annotated[bool, Option("--dry-run", help="Change nothing; print the plan.")] = False,
) -> None:
    """Import versions from another tool's files, and print the new ones.

    What was imported before is not imported again. Names that are not valid here are changed. Each artifact is one
    change, which `mreg undo` takes back.
    """
    if layout and kind not in (None, "oci"):
        raise BadUsage("--oci is --from oci: give one of --oci and --from")
    repository = state.repository()
    with Bar("importing", state) as bar:
        done = repository.import_from(
            source,
            "oci" if layout else kind,
            artifact=artifact,
            only=only or (),
            data=data or (),
            partial=partial,
            dry_run=dry_run,
            progress=bar,
        )
    for collection in done.collections:
        _tell(state, done, collection)
    for note in done.notes:
        state.note(note)
    state.emit(done, lambda out: _plan(out, done) if dry_run else _added(out, done))


def _tell(state: State, done: "Imported", collection: "ImportedCollection") -> None:
    changes = [one for one in collection.changes if one.kind in _TOLD]
    tell(state, changes, collection.seq, _headline(done, collection), "takes it back" if collection.seq else "")
    state.note_rows([(old, f"is called {new}") for old, new in collection.renamed.items()])
    for alias in collection.kept:
        state.note(f"{collection.artifact}:{alias} was moved here since, and is unchanged; it differs in the source")
    for one in collection.versions:
        if one.partial:
            state.note(f"{one.version} ({one.id}) is incomplete")


def _headline(done: "Imported", collection: "ImportedCollection") -> str:
    new = [one for one in collection.versions if one.state == "new"]
    known = len(collection.versions) - len(new)
    gone = sum(one.state == "deleted" for one in collection.versions)
    words = (
        [f"{count_text(len(new), 'version', 'versions')} of {size_text(sum(one.size for one in new))}"] if new else []
    )
    if new and not done.dry_run:
        words.append(f"{size_text(collection.new)} new, stored in {size_text(collection.stored)}")
    if known:
        words.append(f"{known} imported before" + (f" ({gone} deleted since)" if gone else ""))
    return f"{collection.artifact}  {'would import ' if done.dry_run and new else ''}{'; '.join(words)}"


def _plan(out: Out, done: "Imported") -> None:
    names: dict[str, list[str]] = {}
    for each in done.collections:
        for alias, version in each.aliases.items():
            names.setdefault(version, []).append(alias)
    rows = [_row(one, names) for each in done.collections for one in each.versions]
    out.table(["version", "state", "files", "size", "aliases", "source"], rows)


def _row(one: "ImportedVersion", names: dict[str, list[str]]) -> list[str]:
    aliases = " ".join(names.get(one.version, ()))
    return [one.version, one.state, str(one.files), size_text(one.size), aliases, path_text(one.id)]


def _added(out: Out, done: "Imported") -> None:
    for version in done.added:
        out.line(version)
