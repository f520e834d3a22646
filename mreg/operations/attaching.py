"""Files into attachments, stored as those of a version are."""

from __future__ import annotations

import os
from collections.abc import Sequence

from mreg.content.several_packs import SeveralPacks
from mreg.intake import reuse
from mreg.intake.ingest import Near, ingest, packs_of, reused_by
from mreg.intake.reuse import DamagedReuse
from mreg.intake.scan import Found, Selection, scan
from mreg.operations.changes import changed
from mreg.operations.log import publish
from mreg.operations.owners import check_room, owner_of
from mreg.refs import heading
from mreg.refs.journal import Mark
from mreg.refs.keys import CONFIG, AttachmentKey
from mreg.refs.transaction import Draft, MissingPack
from mreg.session import config
from mreg.session.context import Context
from mreg.values import names
from mreg.values.changed import Changed
from mreg.values.digest import digest as digest_of
from mreg.values.named_tuple import NamedTuple
from mreg.values.progress import Progress

_TRIES = 5


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
