"""`du`: where the bytes are."""

from __future__ import annotations

from mreg.context import Context
from mreg.entities import Usage
from mreg.operations.query import artifacts, versions


def usage(context: Context, name: str | None = None) -> Usage:
    """The bytes of all versions of a collection, or of all artifacts. Raises UnknownName, Damaged."""
    wanted = [name] if name is not None else [artifact.name for artifact in artifacts(context)]
    listed = {version.digest: version for one in wanted for version in versions(context, one)}
    index = context.fresh_index()
    chunks: dict[bytes, tuple[int, int]] = {}
    manifests = {version.manifest for version in listed.values()}
    files = {(file.digest, file.size) for one in manifests for file in context.objects.manifest(one).files}
    for digest, size in files:
        for piece in index.pieces(bytes.fromhex(digest), size) or ():
            located = index.chunk(piece.digest)
            if located:
                chunks[piece.digest] = (located.entry.size, located.entry.stored)
    return Usage(
        versions=len(listed),
        logical=sum(version.size for version in listed.values()),
        unique=sum(size for size, _ in chunks.values()),
        stored=sum(stored for _, stored in chunks.values()),
    )
