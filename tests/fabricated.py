"""Repositories in buckets with many entries and packs, of which only what a client reads is made."""

from __future__ import annotations

import os
import struct

from mreg.content import packs
from mreg.content.packs import ChunkEntry, PackIndex, RawIndex
from mreg.refs.journal import Change, key_of, parse
from mreg.session import pack_indexes, segments
from mreg.storage.base import Remote
from mreg.values.digest import digest


def grow(remote: Remote, entries: int, every: int) -> None:
    """Make of a repository in which one `log` was made one with so many entries, each of them a version of `many`, and
    each so many with a pack: as derived objects have them, and the last entry."""
    first = remote.get(key_of(1))
    assert first is not None
    data, model = first.data, parse(1, first.data)
    lines, indexes = [data], [packs.read_raw(remote, model.packs[0])]
    for seq in range(2, entries + 1):
        if seq % every == 0:
            indexes.append(_index(seq))
        named = (indexes[-1].name,) if seq % every == 0 else ()
        changes = [Change(f"artifacts/many/v{seq - 2}", None, digest(b"%d" % seq))]
        if seq == 2:
            changes.insert(0, Change("artifacts/many/artifact.toml", None, 'type = "model"\ndescription = ""\n'))
        entry = model._replace(seq=seq, prev=digest(data), id=os.urandom(16).hex(), changes=tuple(changes), packs=named)
        data = entry.to_bytes()
        lines.append(data)
    known = dict(enumerate(lines, 1))
    writer = segments.Segments(remote, "nowhere")
    for end in {*range(segments.ENTRIES, entries + 1, segments.ENTRIES), entries}:
        writer.write(end, known.get)
        for seq in (end, end + 1):  # the next one tells that there are more segments
            if seq in known:
                remote.put(key_of(seq), known[seq])
    remote.put(pack_indexes.Span(1, entries, 0).key, pack_indexes.encode(indexes))


def _index(seq: int) -> RawIndex:
    """Of a pack of a few chunks."""
    chunks = tuple(ChunkEntry(os.urandom(32), 32 + number, 1, 1 << 20, 0) for number in range(8))
    header = struct.pack("<8sII16s", b"MREGPACK", 2, 0, os.urandom(16))
    return RawIndex(header, PackIndex(chunks, {digest(b"%d" % seq).encode()[:32]: ()}).to_bytes(), 40)
