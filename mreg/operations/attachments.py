"""Files attached to artifacts, registered models, versions and links: they are no part of a version's content."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from mreg import checkout
from mreg.content.several_packs import SeveralPacks
from mreg.intake import reuse
from mreg.intake.ingest import Near, ingest, packs_of, reused_by
from mreg.intake.reuse import DamagedReuse
from mreg.intake.scan import Found, Selection, scan
from mreg.operations.changes import changed
from mreg.operations.files import UnknownFile
from mreg.operations.log import publish
from mreg.operations.owners import check_room, owner_of
from mreg.refs import heading, rules
from mreg.refs.journal import Mark
from mreg.refs.keys import CONFIG, AttachmentKey, in_table
from mreg.refs.transaction import Draft, MissingPack
from mreg.refs.view import View
from mreg.session import config
from mreg.session.context import Context
from mreg.values import names
from mreg.values.changed import Changed
from mreg.values.digest import digest as digest_of
from mreg.values.entities import Attachment
from mreg.values.errors import InvalidInput, NotFound
from mreg.values.file_names import stored
from mreg.values.progress import Progress

_TRIES = 5


class UnknownAttachment(NotFound):
    code = "unknown-attachment"
    template = "{owner!r} has no attachment {name!r}"

    owner: str
    name: str


class SeveralFiles(InvalidInput):
    code = "several-files"
    template = "attachment {name!r} of {owner!r} holds {count} files: say which one"

    owner: str
    name: str
    count: int


def attachments(context: Context, reference: str) -> list[Attachment]:
    """See `Repository.attachments`. Raises NotFound, Damaged."""
    view = context.view()
    found = view.live(in_table(owner_of(context, view, reference), AttachmentKey), AttachmentKey)
    return [Attachment(key.name, value, context.objects.manifest(value).files) for key, value in found.items()]


def read(context: Context, reference: str, name: str, path: str | None) -> Iterator[bytes]:
    """See `Repository.read_attachment`. Raises UnknownAttachment, UnknownFile, SeveralFiles at once; DamagedFile while
    reading."""
    view = context.view()
    key, manifest = _found(context, view, reference, name)
    files = {file.path: file for file in context.objects.manifest(manifest).files}
    if path is None and len(files) != 1:
        raise SeveralFiles(owner=reference, name=key.name, count=len(files))
    wanted = next(iter(files)) if path is None else path
    if wanted not in files and (wanted := stored(wanted)) not in files:
        raise UnknownFile(version=rules.words(key), path=wanted, near=names.near(wanted, list(files)))
    return checkout.reader.Reader(context, rules.words(key), view.look).read(files[wanted])


def attach(
    context: Context,
    reference: str,
    name: str,
    paths: Sequence[str | os.PathLike[str]],
    *,
    message: str | None = None,
    progress: Progress | None = None,
) -> Changed:
    """See `Repository.attach`. Raises InvalidName, NotFound, NeedsFormat, and as `scan` does."""
    view = context.view()
    key = AttachmentKey(owner_of(context, view, reference), names.check_name(name, "attachment name"))
    heading.check_refs(view.value(CONFIG), [(key, None)])
    settings = context.settings(view)
    found = scan(paths, Selection(exclude=config.value("log.exclude", settings)))
    job = _Job(context, reference, key.name, found, encode=config.value("log.compress", settings))
    for _ in range(_TRIES - 1):
        try:
            return job.run(message, progress)
        except MissingPack:
            context.index.start_anew(context.journal.look())
        except DamagedReuse as error:
            job = job._replace(lost=job.lost | error.lost)
    return job.run(message, progress)


def detach(context: Context, reference: str, name: str, *, message: str | None = None) -> Changed:
    """See `Repository.detach`. Raises UnknownAttachment, NotFound."""

    def build(draft: Draft) -> None:
        draft.set(_found(context, draft.view, reference, name)[0], None)

    return changed(context, context.commit(f"detach {reference}", build, message=message))


class _Job(NamedTuple):
    """Files to be attached. lost: digests (raw) of what is stored anew, as the repository's copy is damaged."""

    context: Context
    reference: str
    name: str
    found: Found
    encode: bool
    lost: frozenset[bytes] = frozenset()

    def run(self, message: str | None, progress: Progress | None) -> Changed:
        """Raises MissingPack, DamagedReuse: then the files are read again."""
        context = self.context
        view = context.view()
        index = context.tables(view.look)
        with SeveralPacks(context.storage) as writer:
            sources, folders, _ = self.found
            read = ingest(context, writer, sources, Near(None), progress, encode=self.encode, lost=self.lost)
            manifest = read.manifest._replace(folders=folders)
            reused = reused_by(index, writer, manifest)
            reuse.check(context.storage, index, reused)
            packs = packs_of(reused) if writer.empty else {*packs_of(reused), *publish(context, writer)}
            brings = not writer.empty
            listed = manifest.to_bytes()
            context.objects_at(view).put(listed)
        return self._commit(view.head, digest_of(listed), tuple(sorted(packs)), message, brings=brings)

    def _commit(
        self, looked_up: Mark, manifest: str, packs: tuple[str, ...], message: str | None, *, brings: bool
    ) -> Changed:
        """looked_up: where the packs and the manifest were there. brings: whether the packs hold what the repository
        lacked, so that they are named in any case."""
        context = self.context

        def build(draft: Draft) -> None:
            key = AttachmentKey(owner_of(context, draft.view, self.reference), self.name)
            draft.looked_up = looked_up
            if not context.objects_at(draft.view).has(manifest):
                raise MissingPack(pack="of this attachment")
            draft.set(key, manifest)
            draft.packs = packs if brings or key in draft.new else ()
            check_room(draft, key.owner, AttachmentKey, self.reference)

        return changed(context, context.commit(f"attach {self.reference}", build, message=message))


def _found(context: Context, view: View, reference: str, name: str) -> tuple[AttachmentKey, str]:
    """The attachment, and the digest of its manifest. Raises UnknownAttachment."""
    owner = owner_of(context, view, reference)
    key = AttachmentKey(owner, names.check_name(name, "attachment name"))
    value = view.value(key)
    if value is None:
        known = [other.name for other in view.live(in_table(owner, AttachmentKey), AttachmentKey)]
        raise UnknownAttachment(owner=reference, name=key.name, near=names.near(key.name, known))
    return key, value
