"""A version's files: read one, write all into a folder, get a ready-to-load copy."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from mreg import checkout, operations, values
from mreg.checkout.ready_copies import NoCache, ReadyCopies
from mreg.operations.resolve import Resolved, resolve
from mreg.refs.journal import Look
from mreg.session import locations
from mreg.session.context import Context
from mreg.values.errors import NotFound
from mreg.values.file_names import localised, stored

if TYPE_CHECKING:
    from mreg.values.entities import Checkout
    from mreg.values.progress import Progress
    from mreg.values.records import File


class UnknownFile(NotFound):
    code = "unknown-file"
    template = "{version} has no file {path!r}"

    version: str
    path: str


class NothingIncluded(NotFound):
    code = "nothing-included"
    template = "no file of {version} matches {patterns}"

    version: str
    patterns: str


def files_of(context: Context, resolved: Resolved) -> tuple[File, ...]:
    """The files of a version, sorted by path. Raises Damaged."""
    return context.objects.manifest(context.objects.version(resolved.digest).manifest).files


def read(context: Context, reference: str, path: str) -> Iterator[bytes]:
    """The bytes of one file. Raises UnknownFile at once, DamagedFile while reading."""
    view = context.quick_view()
    resolved = resolve(context, reference, view)
    files = {file.path: file for file in files_of(context, resolved)}
    if path not in files and (path := stored(path)) not in files:
        raise UnknownFile(version=resolved.name, path=path, near=values.names.near(path, list(files)))
    return checkout.reader.Reader(context, resolved.name, view.look).read(files[path])


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
    whole = files_of(context, resolved)
    files = localised(_chosen(whole, include, exclude, resolved))
    path = os.path.abspath(destination or resolved.name.replace(":", "-"))
    reader = checkout.reader.Reader(context, resolved.name, view.look)
    copy = _copy_to_clone(context, resolved, view.look, path) if reflink else None
    wish = checkout.get.Wish(localised(whole), exact, force, partial, copy)
    done = checkout.get.get(reader, files, path, progress, wish)
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


def _chosen(
    files: tuple[File, ...], include: Sequence[str], exclude: Sequence[str], resolved: Resolved
) -> tuple[File, ...]:
    """The files that match a pattern of `include`, if there are any, and none of `exclude`. Raises NothingIncluded."""
    if include:
        wanted = values.patterns.Patterns(include)
        files = tuple(file for file in files if wanted.match(file.path))
    if exclude:
        unwanted = values.patterns.Patterns(exclude)
        files = tuple(file for file in files if not unwanted.match(file.path))
    if not files and (include or exclude):
        patterns = [*include, *(f"!{pattern}" for pattern in exclude)]
        raise NothingIncluded(version=resolved.name, patterns=" ".join(patterns))
    return files


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
        raise NoCache()
    view = context.quick_view()
    resolved = resolve(context, reference, view)
    copies = _copies(context, cache)
    path = copies.find(resolved.digest) or _make(context, copies, resolved, view.look, progress)
    if run is not None:
        operations.versions.record_use(context, resolved, run)
    return path


def _copies(context: Context, cache: str) -> ReadyCopies:
    return ReadyCopies(cache, lambda: bool(context.setting("use.hard-links")), context.location)


def _make(context: Context, copies: ReadyCopies, resolved: Resolved, look: Look, progress: Progress | None) -> str:
    files = localised(files_of(context, resolved))
    reader = checkout.reader.Reader(context, resolved.name, look)
    return copies.make(reader, resolved.digest, files, checkout.new_folder.Steps(files, progress), resolved.name)
