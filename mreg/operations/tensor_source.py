"""The tensors of one side of a comparison, and their bytes."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from functools import lru_cache
from itertools import chain
from typing import Final

from mreg import lazy
from mreg.checkout.opened import Stretch
from mreg.checkout.reader import DamagedFile
from mreg.content.chunks import Kept
from mreg.content.formats import listing
from mreg.content.formats.inflating import BrokenMember, Inflating
from mreg.content.parallel import AHEAD
from mreg.operations import matching
from mreg.operations.sides import Opened, Side
from mreg.values.records import File
from mreg.values.tensors import SkippedTensor, Tensor

INDEX_MOST: Final = 32 << 20
OPEN: Final = 4
"""Files kept open, each with what was read of it last."""
WINDOW: Final = (AHEAD + 4) << 20
"""Bytes of a compressed tensor that are at hand: threads compare segments of 1 MiB, not quite in their order."""


class Unreadable(Exception):
    """A tensor cannot be compared, and why."""

    def __init__(self, skipped: SkippedTensor) -> None:
        self.skipped = skipped


class Source:
    """before: whether this is the first of the two sides. skipped: the files whose tensors cannot be told, or not all
    of them."""

    def __init__(self, side: Side, *, before: bool) -> None:
        self._before = before
        self.name = side.what.name
        self._files = {file.path: file for file in side.files}
        self._open = lru_cache(OPEN)(lambda path: side.open(self._files[path]))
        self._inflating = lru_cache(2)(self._inflate)
        self.done_with = side.done_with
        self.skipped: list[SkippedTensor] = []

    def groups(self) -> dict[str, list[File]]:
        indexes = [file for file in self._files.values() if file.path.endswith(matching.INDEX)]
        return matching.grouped(self._files.values(), dict(chain.from_iterable(map(self._shards, indexes))))

    def tensors(self, files: Iterable[File], group: str) -> list[Tensor]:
        return [tensor._replace(group=group) for file in files for tensor in self._listed(file)]

    def identity(self, tensor: Tensor) -> Hashable:
        """Equal for tensors with the same bytes, as far as that is known without reading them. None where there are
        none."""
        if not tensor.size:
            return None
        form = tensor.dtype, tensor.shape, tensor.order, tensor.deflated is not None
        return *form, self.stretches(tensor) or self.place(tensor)

    def place(self, tensor: Tensor) -> Hashable:
        """Where the bytes lie: the digest of the file, from which byte on, and how many."""
        return self._files[tensor.file].digest, tensor.start, tensor.size, tensor.deflated

    def stretches(self, tensor: Tensor, start: int = 0, size: int | None = None) -> tuple[Stretch, ...] | None:
        """What the tensor's bytes, or these of them, are made of, where that is known without reading them; of a
        compressed one, what the compressed bytes are, and nothing of a part. Raises Unreadable."""
        if tensor.deflated is not None:
            return self._opened(tensor).stretches(*tensor.deflated) if size is None else None
        return self._opened(tensor).stretches(tensor.start + start, tensor.size if size is None else size)

    def read(self, tensor: Tensor, start: int, size: int, kept: Kept | None = None) -> memoryview:
        """These bytes of the tensor, which `done_with` takes back, or all in `kept`. Raises Unreadable."""
        try:
            if tensor.deflated is not None:
                return self._inflating(tensor.file, tensor.deflated).read_at(tensor.start + start, size)
            return self._opened(tensor).read_at(tensor.start + start, size, kept)
        except DamagedFile as error:
            raise self._unreadable(tensor, error) from None
        except BrokenMember as error:
            reason = f"its compressed data is damaged: {error}"
            raise Unreadable(SkippedTensor(tensor.file, tensor.name, reason, False, self._before)) from None

    def _inflate(self, path: str, at: tuple[int, int]) -> Inflating:
        opened = self._open(path)
        return Inflating(lambda start, size: opened.read_at(start, size), *at, WINDOW)

    def _opened(self, tensor: Tensor) -> Opened:
        try:
            return self._open(tensor.file)
        except DamagedFile as error:
            raise self._unreadable(tensor, error) from None

    def _listed(self, file: File) -> tuple[Tensor, ...]:
        try:
            found = listing.tensors_of(self._open(file.path), file.size, file.path, inflated=True)
        except DamagedFile as error:
            self.skipped.append(SkippedTensor(file.path, None, error.reason, True, self._before))
            return ()
        for one in found.broken:
            self.skipped.append(SkippedTensor(file.path, one.name, one.reason, one.damaged, self._before))
        if found.reason:
            self.skipped.append(SkippedTensor(file.path, None, found.reason, False, self._before))
        return found.tensors

    def _shards(self, index: File) -> Iterator[tuple[str, str]]:
        """The files that the index lists, and what they are called together."""
        folder, slash, _ = index.path.rpartition("/")
        try:
            found = lazy.json.loads(self._open(index.path).read(INDEX_MOST))
            names = {str(name) for name in found["weight_map"].values()}
        except (DamagedFile, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return
        for name in names:
            yield folder + slash + name, index.path.removesuffix(matching.INDEX)

    def _unreadable(self, tensor: Tensor, error: DamagedFile) -> Unreadable:
        return Unreadable(SkippedTensor(tensor.file, tensor.name, error.reason, True, self._before))
