"""A version's files: read one, write all into a folder, get a ready-to-load copy."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING

from mreg import checkout, operations, values
from mreg.operations.resolve import Resolved, resolve
from mreg.refs.journal import Look
from mreg.session import locations
from mreg.session.context import Context
from mreg.values.errors import InvalidInput, NotFound
from mreg.values.file_names import localised, stored

if TYPE_CHECKING:
    from mreg.checkout.opened import OpenFile
    from mreg.checkout.reader import Reader
    from mreg.checkout.ready_copies import ReadyCopies
    from mreg.values.entities import Checkout
    from mreg.values.progress import Progress
    from mreg.values.records import File, Manifest


class UnknownFile(NotFound):
    code = "unknown-file"
    template = "{version} has no file {path!r}"

    version: str
    path: str


class WrongSize(InvalidInput):
    code = "wrong-size"
    template = "{path!r} has {size} bytes, but the buffer has {found}"

    path: str
    size: int
    found: int


class NothingIncluded(NotFound):
    code = "nothing-included"
    template = "no file of {version} matches {patterns}"

    version: str
    patterns: str


def manifest_of(context: Context, resolved: Resolved) -> Manifest:
    """The files and empty folders of a version, sorted by path. Raises Damaged."""
    return context.objects.manifest(context.objects.version(resolved.digest).manifest)


def read(context: Context, reference: str, path: str) -> Iterator[bytes]:
    """The bytes of one file. Raises UnknownFile at once, DamagedFile while reading."""
    reader, found = _one(context, reference, path)
    return reader.read(found)


def read_into(context: Context, reference: str, path: str, buffer: memoryview) -> None:
    """See `Repository.read_into`. Raises UnknownFile, WrongSize at once, DamagedFile while reading."""
    reader, found = _one(context, reference, path)
    if len(buffer) != found.size:
        raise WrongSize(path=found.path, size=found.size, found=len(buffer))
    at = 0
    with closing(reader.stream((found,))) as parts:
        for part in parts:
            if part.error:
                raise part.error
            buffer[at : at + len(part.data)] = part.data
            at += len(part.data)
            reader.done_with(part.data)
            if not part.right:
                raise reader.wrong_recipe(found)


def open_file(context: Context, reference: str, path: str) -> OpenFile:
    """One file, to be read anywhere in it. Raises UnknownFile, and DamagedFile where its chunks are not known."""
    return checkout.opened.OpenFile(*_one(context, reference, path))


def _one(context: Context, reference: str, path: str) -> tuple[Reader, File]:
    view = context.quick_view()
    resolved = resolve(context, reference, view)
    files = {file.path: file for file in manifest_of(context, resolved).files}
    if path not in files and (path := stored(path)) not in files:
        raise UnknownFile(version=resolved.name, path=path, near=values.names.near(path, list(files)))
    return checkout.reader.Reader(context, resolved.name, view.look), files[path]


def get(
    context: Context,
    reference: str,
    destination: str | None,
    progress: Progress | None,
    *,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    exact: bool = False,
    force: bool = False,
    partial: bool = False,
    reflink: bool = False,
) -> Checkout:
    """See `Repository.get`."""
    if destination:
        locations.check_folder(destination, "what get writes to")
    view = context.quick_view()
    resolved = resolve(context, reference, view)
    whole = manifest_of(context, resolved)
    wanted = localised(_chosen(whole, include, exclude, resolved))
    path = os.path.abspath(destination or resolved.name.replace(":", "-"))
    reader = checkout.reader.Reader(context, resolved.name, view.look)
    copy = _copy_to_clone(context, resolved, view.look, path) if reflink else None
    wish = checkout.get.Wish(localised(whole), exact, force, partial, copy)
    done = checkout.get.get(reader, wanted, path, progress, wish)
    return values.entities.Checkout(
        path=path,
        version=resolved.name,
        written=done.written,
        kept=done.kept,
        damaged=tuple(stored(file.path) for file in done.left_out),
        cloned=done.cloned,
        removed=tuple(map(stored, done.removed)),
        others=tuple(map(stored, done.others)),
    )


def _chosen(whole: Manifest, include: Sequence[str], exclude: Sequence[str], resolved: Resolved) -> Manifest:
    """What matches a pattern of `include`, if there are any, and none of `exclude`. Raises NothingIncluded."""
    if not include and not exclude:
        return whole
    wanted = values.patterns.Patterns(include) if include else None
    unwanted = values.patterns.Patterns(exclude)

    def takes(path: str) -> bool:
        return (wanted is None or wanted.match(path)) and not unwanted.match(path)

    chosen = whole._replace(
        files=tuple(file for file in whole.files if takes(file.path)),
        folders=tuple(folder for folder in whole.folders if takes(f"{folder}/")),
    )
    if not any(chosen):
        patterns = [*include, *(f"!{pattern}" for pattern in exclude)]
        raise NothingIncluded(version=resolved.name, patterns=" ".join(patterns))
    return chosen


def _copy_to_clone(context: Context, resolved: Resolved, look: Look, destination: str) -> str | None:
    """The ready copy of the version, made if need be; None where its files cannot be cloned to the destination."""
    cache = context.cache
    if cache is None:
        return None
    copies = _copies(context, cache)
    found = copies.find(resolved.digest)
    if found or not copies.can_be_cloned_to(destination):
        return found
    return _make(context, copies, resolved, look, None)


def use(context: Context, reference: str, run: str | None, progress: Progress | None) -> str:
    """See `Repository.use`."""
    cache = context.cache
    if cache is None:
        raise checkout.ready_copies.NoCache()
    view = context.quick_view()
    resolved = resolve(context, reference, view)
    copies = _copies(context, cache)
    path = copies.find(resolved.digest) or _make(context, copies, resolved, view.look, progress)
    if run is not None:
        operations.versions.record_use(context, resolved, run)
    return path


def ready_copy(context: Context, resolved: Resolved) -> str | None:
    """The path of the ready copy of the version, if there is one."""
    cache = context.cache
    return None if cache is None else _copies(context, cache).find(resolved.digest)


def _copies(context: Context, cache: str) -> ReadyCopies:
    return checkout.ready_copies.ReadyCopies(cache, lambda: bool(context.setting("use.hard-links")), context.location)


def _make(context: Context, copies: ReadyCopies, resolved: Resolved, look: Look, progress: Progress | None) -> str:
    manifest = localised(manifest_of(context, resolved))
    reader = checkout.reader.Reader(context, resolved.name, look)
    steps = checkout.new_folder.Steps(manifest.files, progress)
    return copies.make(reader, resolved.digest, manifest, steps, resolved.name)
