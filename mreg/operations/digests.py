"""Digests of a version's files that other tools ask for, each worked out once and remembered by the file's own."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Final

from mreg import checkout
from mreg.operations.files import manifest_of
from mreg.operations.resolve import resolve
from mreg.session.context import Context
from mreg.values.checksums import OWN, check_algorithm
from mreg.values.progress import Progress
from mreg.values.records import File

if TYPE_CHECKING:
    from mreg.checkout.reader import Reader

_AT_ONCE: Final = 256 << 20
"""Bytes that are read before what was worked out is remembered."""


def digests(context: Context, reference: str, algorithm: str, progress: Progress | None = None) -> dict[str, str]:
    """See `Repository.digests`. Raises UnknownAlgorithm, NotFound, DamagedFile."""
    check_algorithm(algorithm)
    view = context.quick_view()
    resolved = resolve(context, reference, view)
    files = manifest_of(context, resolved).files
    if algorithm == OWN:
        return {file.path: file.digest for file in files}
    index = context.tables(view.look)
    known = index.other_digests({bytes.fromhex(file.digest) for file in files}, algorithm)
    missing = [
        file for file in {file.digest: file for file in files}.values() if bytes.fromhex(file.digest) not in known
    ]
    reader = checkout.reader.Reader(context, resolved.name, view.look)
    tell = _Told(sum(file.size for file in missing), progress)
    for some in _batches(missing):
        found = {bytes.fromhex(file.digest): other for file, other in _worked_out(reader, some, algorithm, tell)}
        index.keep_other_digests(found, algorithm)
        known |= found
    return {file.path: known[bytes.fromhex(file.digest)] for file in files}


class _Told:
    """Counts the bytes that were read, for `progress`."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self._total = total
        self._done = 0
        self._progress = progress

    def __call__(self, count: int) -> None:
        self._done += count
        if self._progress:
            self._progress(self._done, self._total)


def _batches(files: Sequence[File]) -> Iterator[list[File]]:
    some: list[File] = []
    size = 0
    for file in files:
        some.append(file)
        size += file.size
        if size >= _AT_ONCE:
            yield some
            some, size = [], 0
    if some:
        yield some


def _worked_out(
    reader: Reader, files: Sequence[File], algorithm: str, tell: Callable[[int], None]
) -> Iterator[tuple[File, str]]:
    """Raises DamagedFile."""
    rest = iter(files)
    whole = hashlib.new(algorithm, usedforsecurity=False)
    with closing(reader.stream(files)) as parts:
        for part in parts:
            if part.error:
                raise part.error
            whole.update(part.data)
            tell(len(part.data))
            reader.done_with(part.data)
            if part.last:
                file = next(rest)
                if not part.right:
                    raise reader.wrong_recipe(file)
                yield file, whole.hexdigest()
                whole = hashlib.new(algorithm, usedforsecurity=False)
