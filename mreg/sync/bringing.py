"""A version of another repository as the base of one that is logged here: its records and chunks come, and no name.

A chunk can be stored only as the difference to one of the same repository, so what is lacking of the base comes first,
into packs that the journal names, as in a pull. What no difference needs then is a gc's to take.
"""

from __future__ import annotations

from mreg.operations.resolve import resolve
from mreg.refs import heading
from mreg.refs.keys import CONFIG
from mreg.session import remotes
from mreg.session.context import Context
from mreg.sync.faults import reading
from mreg.sync.freight import freight
from mreg.sync.sending import send
from mreg.values.formats import require
from mreg.values.progress import Progress


def bring(context: Context, reference: str, progress: Progress | None = None) -> tuple[str, int]:
    """The digest of the version that `reference` names in a remote, when all of it is here; and the bytes that came.
    Raises NotFound, Damaged."""
    source, name = remotes.at(context, reference, context.view())
    found = resolve(source, name, source.view())
    with reading(source, own=False):
        record = source.objects.version(found.digest)
        manifest = source.objects.manifest(record.manifest)
        view = context.view()
        for beyond in filter(None, (record.beyond_format_1, manifest.beyond_format_1)):
            require(beyond, 2, heading.of(view.value(CONFIG)).format)
        source.tables(source.view().look)
        context.tables(view.look)
        load = freight(source, context, [manifest])
        records = [source.objects.get(one) for one in (record.manifest, found.digest)]
    load.loader.at_hand = context.kept_chunks  # for a bucket, as its bases are taken from there only
    done = 0

    def tell(count: int) -> None:
        nonlocal done
        done += count
        if progress:
            progress(done, load.stored)

    sent = send(load, context, f"log --base {reference}", tell, reading=lambda: reading(source, own=False))
    there = context.objects_at(context.view())
    for data in records:
        there.put(data)
    return found.digest, sent.bytes
