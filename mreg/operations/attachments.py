"""Files attached to artifacts, registered models, versions and links: they are no part of a version's content."""

from __future__ import annotations

from collections.abc import Iterator

from mreg import checkout
from mreg.operations.changes import changed
from mreg.operations.files import UnknownFile
from mreg.operations.owners import owner_of
from mreg.refs import rules
from mreg.refs.keys import AttachmentKey, in_table
from mreg.refs.transaction import Draft
from mreg.refs.view import View
from mreg.session.context import Context
from mreg.values import names
from mreg.values.changed import Changed
from mreg.values.entities import Attachment
from mreg.values.errors import InvalidInput, NotFound
from mreg.values.file_names import stored


class UnknownAttachment(NotFound):
    code = "unknown-attachment"
    template = "{owner!r} has no attachment {name!r}"

    owner: str
    name: str


class SeveralFiles(InvalidInput):
    code = "several-files"
    template = "attachment {name!r} of {owner!r} contains {count} files: name one of them"

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


def detach(context: Context, reference: str, name: str, *, message: str | None = None) -> Changed:
    """See `Repository.detach`. Raises UnknownAttachment, NotFound."""

    def build(draft: Draft) -> None:
        draft.set(_found(context, draft.view, reference, name)[0], None)

    return changed(context, context.commit(f"detach {reference}", build, message=message))


def _found(context: Context, view: View, reference: str, name: str) -> tuple[AttachmentKey, str]:
    """The attachment, and the digest of its manifest. Raises UnknownAttachment."""
    owner = owner_of(context, view, reference)
    key = AttachmentKey(owner, names.check_name(name, "attachment name"))
    value = view.value(key)
    if value is None:
        known = [other.name for other in view.live(in_table(owner, AttachmentKey), AttachmentKey)]
        raise UnknownAttachment(owner=reference, name=key.name, near=names.near(key.name, known))
    return key, value
