"""A plan into a folder: everything verified and flushed beside the destination, which is then there as a whole."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import closing

from mreg.checkout.new_folder import Steps, Target, Tree, published_modes
from mreg.checkout.reader import Reader
from mreg.checkout.space import check_space
from mreg.exporters import tar
from mreg.exporters.faults import DestinationTaken
from mreg.exporters.hashing import Hashes, HashingReader
from mreg.exporters.plan import Blob, Copied, Plan, Written
from mreg.session.index import Index
from mreg.small_files import in_place_of, make_folders
from mreg.storage.temporary import drop_abandoned, prefix_beside, temporary_name
from mreg.values.file_names import local
from mreg.values.named_tuple import NamedTuple
from mreg.values.progress import Progress


class Made(NamedTuple):
    """files: how many were written, blobs of one content once. size: their bytes. cloned: how many share the room of a
    copy in the cache."""

    files: int
    size: int
    cloned: int
    written: Written


class Source(NamedTuple):
    """Where the bytes come from, and what is known of them (`tables`). copy: a folder with the version's files, which
    may be cloned. moment: the time that all files are to bear."""

    reader: Reader
    tables: Index
    copy: str | None
    moment: int


def apply(plan: Plan, source: Source, destination: str, progress: Progress | None) -> Made:
    """Raises DestinationTaken, NameNotHeld, DamagedFile, NoSpace, OSError."""
    parent, name = os.path.split(destination)
    make_folders(parent)
    check_free(destination)
    prefix = prefix_beside(name)
    drop_abandoned(parent, prefix)
    staging = os.path.join(parent, temporary_name(prefix))
    with in_place_of(destination, staging), Tree(staging, source.moment) as tree:
        made = _Writing(plan, source, tree, progress).run()
        try:
            tree.keep(destination)
        except FileExistsError:
            raise DestinationTaken(path=destination) from None
        return made


def check_free(destination: str) -> None:
    """Raises DestinationTaken where there is anything but an empty folder."""
    if os.path.lexists(destination):
        try:
            taken = os.path.islink(destination) or bool(os.listdir(destination))
        except NotADirectoryError:
            taken = True
        if taken:
            raise DestinationTaken(path=destination)


class _Writing:
    def __init__(self, plan: Plan, source: Source, tree: Tree, progress: Progress | None) -> None:
        self._plan = plan
        self._source = source
        self._tree = tree
        self._modes = published_modes()
        contents = {file.digest: file for file in plan.blobs}
        self._blobs = [Copied(f"{plan.blobs_in}/.{n}", file) for n, file in enumerate(contents.values())]
        self._files = [*plan.copied, *self._blobs]
        every = [one.file for one in self._files] + [file for archive in plan.archives for file in archive.files]
        self._steps = Steps(every, progress)
        self._sha256: dict[str, str] = {}
        self._cloned = 0

    def run(self) -> Made:
        plan, tree = self._plan, self._tree
        tree.check_names([*(one.path for one in plan.copied), *plan.reserved], plan.folders)
        self._write_files()
        tree.add_folders(plan.folders)
        archives = tuple(self._write_archive(number) for number in range(len(plan.archives)))
        written = Written(self._sha256, archives)
        for one in self._blobs:
            self._rename(one.path, self._sha256[one.file.digest])
        texts = plan.rest(written)
        for path, data in texts.items():
            tree.write(path, iter((data,)), self._modes[False])
        sizes = [*(one.file.size for one in self._files), *(one.size for one in archives), *map(len, texts.values())]
        return Made(len(sizes), sum(sizes), self._cloned, written)

    def _write_files(self) -> None:
        source, tree = self._source, self._tree
        targets = [Target(one.path, one.file, self._mode(one)) for one in self._files]
        with closing(Hashes(source.tables, [one.file for one in self._files] if self._plan.hashed else [])) as hashes:
            rest = [target for target in targets if not self._clone(target, hashes)]
            self._cloned = len(targets) - len(rest)
            archived = [file.size for archive in self._plan.archives for file in archive.files]
            sizes = [target.file.size for target in rest] + archived
            check_space(os.path.dirname(tree.path), sizes, lambda: sum(source.reader.holes(one.file) for one in rest))
            tree.fill(source.reader, [one for one in rest if not hashes.lacks(one.file)], self._steps)
            with closing(HashingReader(source.reader)) as reader:
                tree.fill(reader, [one for one in rest if hashes.lacks(one.file)], self._steps)
            hashes.add(reader.found)
            for one in rest:
                hashes.read(one.file, os.path.join(tree.path, one.path))
            self._sha256 = hashes.all()

    def _mode(self, one: Copied) -> int:
        """Blobs are what registries take: whether the file is executable is told beside them."""
        return self._modes[one.file.executable and one not in self._blobs]

    def _clone(self, target: Target, hashes: Hashes) -> bool:
        copy = self._source.copy
        if copy is None or not self._tree.clone(target, os.path.join(copy, local(target.file.path))):
            return False
        hashes.read(target.file, os.path.join(self._tree.path, target.path))
        self._steps.advance(target.file.size)
        return True

    def _write_archive(self, number: int) -> Blob:
        whole, size = hashlib.sha256(), 0

        def counted() -> Iterator[bytes]:
            nonlocal size
            for block in tar.blocks(self._source.reader, self._plan.archives[number]):
                whole.update(block)
                size += len(block)
                yield block

        path = f"{self._plan.blobs_in}/.tar{number}"
        self._tree.write(path, counted(), self._modes[False])
        self._rename(path, whole.hexdigest())
        self._steps.advance(sum(file.size for file in self._plan.archives[number].files))
        return Blob(whole.hexdigest(), size)

    def _rename(self, path: str, name: str) -> None:
        place = os.path.join(self._tree.path, path)
        os.rename(place, os.path.join(os.path.dirname(place), name))
