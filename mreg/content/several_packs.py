"""Writing what one `log` brings: into one pack, or where packs have to be sent far, into several, each of which is sent
while the next is filled."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from mreg.content.buffers import Buffer
from mreg.content.codecs import Encoded
from mreg.content.pack_writer import PackContents, PackWriter
from mreg.content.packs import Base, ChunkEntry, PackIndex, Piece, key_of
from mreg.storage import Storage
from mreg.values.errors import MregError

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

AT_ONCE: Final = 3
"""Packs that are sent at the same time: as many are spooled, and at most held in memory."""


class SeveralPacks(PackContents):
    """The packs of one change, of at most `Storage.pack_size` bytes each, or little more where there is one chunk and
    its index. Leaving the block without `publish` throws all away, also those that were sent."""

    def __init__(self, storage: Storage) -> None:
        super().__init__()
        self._storage = storage
        self._writer = PackWriter(storage)
        self._threads: ThreadPoolExecutor | None = None
        self._sending: list[tuple[PackWriter, Future[str]]] = []
        self._published = False
        self.indexes: dict[str, PackIndex] = {}
        """What is in each pack that was published, by its name."""

    def __enter__(self) -> SeveralPacks:
        return self

    def __exit__(self, *_: object) -> None:
        if self._threads:
            self._threads.shutdown(cancel_futures=True)
        for writer in (*(writer for writer, _ in self._sending), self._writer):
            writer.__exit__()
        if not self._published:
            self._take_back()

    def add(self, name: bytes, data: Buffer, stored: Encoded | None = None, base: Base | None = None) -> None:
        self._make_room(len(stored.data if stored else data))
        self._writer.add(name, data, stored, base)
        self._note(name)

    def carry(self, entry: ChunkEntry, form: Buffer) -> None:
        self._make_room(len(form))
        self._writer.carry(entry, form)
        self._note(entry.digest)

    def add_recipe(self, name: bytes, pieces: Collection[Piece]) -> None:
        if name not in self._recipes:
            self._writer.add_recipe(name, pieces)
            self._recipes[name] = pieces

    def publish(self) -> tuple[str, ...]:
        """Make all packs durable and visible; their names. Nothing refers to them yet."""
        if self._threads is None:
            self._keep(self._writer, self._writer.publish())
        elif not self._writer.empty:
            self._send()
        while self._sending:
            self._finish_first()
        self._published = True
        return tuple(self.indexes)

    def _note(self, name: bytes) -> None:
        entry = self._writer.entry(name)
        assert entry is not None
        self._chunks[name] = entry
        self._stored += entry.stored

    def _make_room(self, size: int) -> None:
        """For a stored form of this size: in another pack, if need be."""
        most = self._storage.pack_size
        if most and not self._writer.empty and self._writer.file_size + size > most:
            self._send()

    def _send(self) -> None:
        """Send the pack that was filled, and begin the next."""
        if self._threads is None:
            from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - only where packs are sent far

            self._threads = ThreadPoolExecutor(AT_ONCE)
        if len(self._sending) >= AT_ONCE:
            self._finish_first()
        writer, self._writer = self._writer, PackWriter(self._storage)
        self._sending.append((writer, self._threads.submit(writer.publish)))

    def _finish_first(self) -> None:
        writer, sent = self._sending[0]
        self._keep(writer, sent.result())
        del self._sending[0]

    def _keep(self, writer: PackWriter, name: str) -> None:
        self.indexes[name] = writer.index

    def _take_back(self) -> None:
        """Nobody else knows of what was sent; a gc would delete it later."""
        sent = [future.result() for _, future in self._sending if not (future.cancelled() or future.exception())]
        for name in (*self.indexes, *sent):
            with suppress(OSError, MregError):
                self._storage.delete(key_of(name))
