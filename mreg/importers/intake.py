"""The files of planned versions into the repository: each version into a pack of its own, which the lookup tables know
at once.

So the next version finds what it shares with this one, and an import that was killed goes on from there. The packs are
named by the entry with the refs of the collection: until then they are data that `gc` deletes after the grace
period."""

from __future__ import annotations

from collections.abc import Callable

from mreg.content.pack_writer import PackContents
from mreg.content.several_packs import SeveralPacks
from mreg.importers.check import Verifier
from mreg.importers.plan import PlannedVersion
from mreg.intake import hashing, reuse
from mreg.intake.ingest import Near, ingest, packs_of, reused_by
from mreg.intake.scan import Source, is_executable, source_of
from mreg.operations.log import publish
from mreg.refs.transaction import MissingPack
from mreg.session.context import Context
from mreg.values.digest import digest as digest_of
from mreg.values.named_tuple import NamedTuple
from mreg.values.records import File, Manifest

Told = Callable[[int], None]


class Stored(NamedTuple):
    """What a version's files came to. new, stored: bytes of chunks that the repository lacked, and what they take."""

    manifest: Manifest
    new: int = 0
    stored: int = 0


class Intake:
    """Stores versions. encode: whether chunks are made smaller. lost: digests (raw) of what is stored anew, as the
    repository's copy is damaged."""

    def __init__(self, context: Context, verifier: Verifier, *, encode: bool, lost: frozenset[bytes]) -> None:
        self._context = context
        self._verifier = verifier
        self._encode = encode
        self._lost = lost
        self._published: list[str] = []

    def sources(self, version: PlannedVersion, called: str) -> list[Source]:
        """The version's files as they are now, sorted by path, compared with the source's digests."""
        return [self._verifier.source(path, file, called) for path, file in sorted(version.files.items())]

    def same(self, version: PlannedVersion, manifest: str) -> bool:
        """Has the version this content? Files that look as they did when they were read are not read again."""
        sources = [source_of(path, file.file) for path, file in sorted(version.files.items())]
        digests = hashing.digests_of(self._context.index, sources)
        files = tuple(
            File(one.path, one.status.st_size, digest, is_executable(one))
            for one, digest in zip(sources, digests, strict=True)
        )
        return digest_of(Manifest(files, tuple(sorted(version.folders))).to_bytes()) == manifest

    def store(self, version: PlannedVersion, called: str, near: str | None, told: Told) -> Stored:
        """near: the version (its digest) before it, whose tensors these may be near to."""
        context = self._context
        context.tables(context.view().look)
        sources = self.sources(version, called)
        with SeveralPacks(context.storage) as writer:
            done = ingest(
                context,
                writer,
                sources,
                Near(near),
                lambda done, _: told(done),
                encode=self._encode,
                lost=self._lost,
            )
            if not writer.empty:
                for name in publish(context, writer):
                    self._published.append(name)
                    context.index.read_ahead(name)
        self._keep_digests(version, done.manifest)
        manifest = Manifest(done.manifest.files, tuple(sorted(version.folders)))
        return Stored(manifest, writer.new, writer.stored)

    def _keep_digests(self, version: PlannedVersion, manifest: Manifest) -> None:
        """What was compared need not be worked out again, as for an export."""
        for algorithm in ("sha256", "md5"):
            found = {
                bytes.fromhex(file.digest): told[algorithm]
                for file in manifest.files
                if algorithm in (told := version.files[file.path].digests)
            }
            self._context.index.keep_other_digests(found, algorithm)

    def packs(self, manifests: list[Manifest]) -> tuple[str, ...]:
        """The packs that these need. Raises MissingPack, DamagedReuse."""
        context = self._context
        index = context.tables(context.view().look)
        files = {file.digest: file for manifest in manifests for file in manifest.files}
        wanted = Manifest(tuple(files.values()))
        try:
            reused = reused_by(index, PackContents(), wanted)
        except MissingPack:
            # The tables were read anew, as something in them was wrong; of packs that no entry names they know nothing.
            for name in self._published:
                index.read_ahead(name)
            reused = reused_by(index, PackContents(), wanted)
        reuse.check(context.storage, index, reused)
        return tuple(sorted(packs_of(reused)))
