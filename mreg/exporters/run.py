"""An export from beginning to end: what is known of the version, what is to be written, and the writing."""

from __future__ import annotations

from mreg import checkout, operations
from mreg.checkout.others import check_place
from mreg.exporters import apply, kinds
from mreg.exporters.faults import NameNeeded
from mreg.exporters.plan import Plan, Subject
from mreg.operations.resolve import Resolved, resolve
from mreg.refs.view import View
from mreg.session import locations
from mreg.session.context import Context
from mreg.values.exports import Exported
from mreg.values.progress import Progress


def export(
    context: Context,
    reference: str,
    destination: str,
    form: str,
    *,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> Exported:
    """See `Repository.export`."""
    kinds.check_form(form)
    path = _checked(destination)
    view = context.view()
    resolved = resolve(context, reference, view)
    subject = _subject(context, view, resolved)
    plan = kinds.plan(form, subject)
    _check_names(plan, subject)
    files = len(subject.manifest.files)
    if dry_run:
        return Exported(path, resolved.name, form, files, subject.manifest.size, 0, plan.notes, dry_run=True)
    reader = checkout.reader.Reader(context, resolved.name, view.look)
    copy = operations.files.ready_copy(context, resolved)
    moment = int(subject.version.created.timestamp() * 10**6) * 1000
    source = apply.Source(reader, context.tables(view.look), copy, moment)
    made = apply.apply(plan, source, path, progress)
    return Exported(path, resolved.name, form, made.files, made.size, made.cloned, plan.notes)


def _checked(destination: str) -> str:
    """The destination's path. Raises DestinationTaken, UnsafeDestination, NotAFolder."""
    locations.check_folder(destination, "what is exported")
    path = check_place(destination)
    apply.check_free(path)
    return path


def _subject(context: Context, view: View, resolved: Resolved) -> Subject:
    version = operations.described.load(context, view, resolved)
    manifest = operations.files.manifest_of(context, resolved)

    def readme() -> str:
        return operations.links.readme(context, resolved)

    if resolved.model is None or resolved.link is None:
        name, number = resolved.artifact, resolved.number
        return Subject(name, number, version.aliases, version, manifest, readme, version.tags)
    model = operations.query.model(context, resolved.model)
    aliases = tuple(sorted(alias for alias, number in model.aliases.items() if number == f"v{resolved.link}"))
    tags = tuple(sorted({*version.tags, *model.tags}))
    return Subject(model.name, resolved.link, aliases, version, manifest, lambda: model.card or readme(), tags)


def _check_names(plan: Plan, subject: Subject) -> None:
    """Raises NameNeeded where a file of the version has a name that the export needs."""
    needed = {name.casefold() for name in plan.reserved}
    for path in (*(one.path for one in plan.copied), *plan.folders):
        if path.partition("/")[0].casefold() in needed:
            raise NameNeeded(version=subject.version.name, path=path)
