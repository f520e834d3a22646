"""An import from beginning to end: read what the source holds, check it, store its bytes, commit its refs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import closing

from mreg.importers import check, kinds, targets
from mreg.importers.apply import Applier, Told, is_here
from mreg.importers.drafting import is_kept
from mreg.importers.faults import PartlyImported
from mreg.importers.intake import Intake
from mreg.importers.numbers import Numbers
from mreg.importers.plan import Options, Plan, PlannedFile, PlannedVersion, Scratch
from mreg.importers.prepared import Prepared
from mreg.importers.targets import Target
from mreg.importers.words import clipped, sayable
from mreg.refs import heading
from mreg.refs.keys import CONFIG, AliasKey
from mreg.refs.view import View
from mreg.session.context import Context
from mreg.values.changed import Changed
from mreg.values.errors import Incomplete, MissingPath, MregError
from mreg.values.formats import require
from mreg.values.imports import Imported, ImportedCollection, ImportedVersion
from mreg.values.named_tuple import NamedTuple
from mreg.values.names import check_name
from mreg.values.progress import Progress


class ImportRequest(NamedTuple):
    """All that an import was asked to do. See `Repository.import_from`."""

    source: str
    kind: str | None = None
    artifact: str | None = None
    only: Sequence[str] = ()
    data: Sequence[str] = ()
    partial: bool = False
    dry_run: bool = False


def import_from(context: Context, request: ImportRequest, progress: Progress | None = None) -> Imported:
    """See `Repository.import_from`."""
    if request.artifact is not None:
        check_name(request.artifact, "artifact name")
    for folder in request.data:
        if not os.path.exists(folder):
            raise MissingPath(path=folder)
    view = context.view()
    require("the origin of a version", 2, heading.of(view.value(CONFIG)).format)
    with closing(Scratch()) as scratch:
        options = Options(scratch, tuple(request.data), request.partial, tuple(request.only))
        plan = kinds.read(request.source, request.kind, options)
        return _imported(context, view, request, plan, progress)


def _imported(context: Context, view: View, request: ImportRequest, plan: Plan, progress: Progress | None) -> Imported:
    chosen = targets.targets(view, plan, request.artifact, request.only)
    wanted = plan._replace(collections=tuple(one.collection for one in chosen))
    check.check(wanted, partial=request.partial)
    if request.dry_run:
        found = [_foretold(context, view, target) for target in chosen]
    else:
        found = _applied(context, wanted, chosen, progress)
    notes = tuple(map(clipped, plan.notes))
    return Imported(plan.system, request.source, tuple(found), notes, request.dry_run)


def _applied(
    context: Context, plan: Plan, chosen: Sequence[Target], progress: Progress | None
) -> list[ImportedCollection]:
    source = os.fsencode(os.path.basename(os.path.abspath(plan.source))).decode("utf-8", "backslashreplace")
    command = f"import {source} --from {plan.system}"
    applier = Applier(context, plan.system, command, _counter(plan, progress))
    ready = [applier.prepare(target) for target in chosen]
    made: list[tuple[Prepared, Changed]] = []
    for one in ready:
        try:
            made.append(applier.commit(one))
        except (MregError, OSError) as error:
            if isinstance(error, Incomplete) or not any(changed for _, changed in made):
                raise
            raise PartlyImported(done=len(made), count=len(ready), reason=str(error)) from error
    return [_told(context, *one) for one in made]


def _counter(plan: Plan, progress: Progress | None) -> Told:
    """Tells the bytes of all versions together. What it is told are bytes of one version, from its start."""
    total = sum(_size(version) for collection in plan.collections for version in collection.versions)
    before = last = 0

    def tell(done: int) -> None:
        nonlocal before, last
        if done < last:
            before += last
        last = done
        if progress is not None:
            progress(min(before + done, total), total)

    return tell


def _size(version: PlannedVersion) -> int:
    """As its files are now."""
    return sum(_size_of(file) for file in version.files.values())


def _size_of(file: PlannedFile) -> int:
    if file.write is not None:
        return file.size or 0
    try:
        return os.stat(file.file).st_size
    except OSError:
        return 0


def _told(context: Context, prepared: Prepared, done: Changed) -> ImportedCollection:
    view = context.view()
    added = {one.version.id for one in prepared.added}
    found = _described(context, view, prepared.target, prepared.numbers, added)
    return found._replace(new=prepared.new, stored=prepared.stored, seq=done.seq, changes=done.changes)


def _foretold(context: Context, view: View, target: Target) -> ImportedCollection:
    """What would become of it, as far as that can be told without reading what is new."""
    intake = Intake(context, check.Verifier(), encode=True, lost=frozenset())
    context.tables(view.look)
    numbers, given = Numbers(context, view, target.artifact), dict(target.memory.versions)
    added = set()
    for version in target.collection.versions:
        if not is_here(context, view, intake, target, target.memory, version):
            given[version.id] = numbers.take(version.number)
            added.add(version.id)
    return _described(context, view, target, given, added)


def _described(
    context: Context, view: View, target: Target, numbers: dict[str, int], added: set[str]
) -> ImportedCollection:
    versions = {
        one.id: _version(view, target.artifact, one, numbers[one.id], new=one.id in added)
        for one in target.collection.versions
    }
    placed = {alias: versions[id] for alias, id in target.collection.aliases.items() if id in versions}
    kept = {
        target.aliases[alias]
        for alias, id in target.collection.aliases.items()
        if _stays(view, target, alias, numbers.get(id))
    }
    aliases = {target.aliases[alias]: one.version for alias, one in placed.items() if one.state != "deleted"}
    return ImportedCollection(
        target.collection.name, target.artifact, tuple(versions.values()), aliases, target.renamed, tuple(sorted(kept))
    )


def _stays(view: View, target: Target, alias: str, number: int | None) -> bool:
    name = target.aliases[alias]
    there = view.value(AliasKey(target.artifact, name)) == f"v{number}"
    return number is not None and not there and is_kept(view, target.artifact, name, target.memory, alias, number)


def _version(view: View, artifact: str, version: PlannedVersion, number: int, *, new: bool) -> ImportedVersion:
    deleted = not new and view.version(artifact, number).value is None
    return ImportedVersion(
        id=version.id,
        version=f"{artifact}:v{number}",
        state="new" if new else "deleted" if deleted else "here",
        files=len(version.files),
        size=_size(version),
        time=version.time,
        author=version.author,
        message=version.message,
        metadata=sayable(version.metadata),
        tags=version.tags,
        inputs=tuple(f"{one.collection} {one.id}".rstrip() for one in version.inputs),
        partial=bool(version.missing),
    )
