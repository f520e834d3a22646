"""Which files and empty folders `log` makes a version of: those that were given, and those of the version that it was
told to start from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack

from mreg import intake
from mreg.intake.scan import Found, NothingToLog, Source, check_together, scan
from mreg.operations.files import UnknownFile
from mreg.operations.log_request import LogRequest
from mreg.values.formats import require
from mreg.values.named_tuple import NamedTuple
from mreg.values.names import near
from mreg.values.paths import beyond_format_1, folders_with_content
from mreg.values.records import File, Manifest


class LogFiles(NamedTuple):
    """sources: the files to be read. kept: those that are taken over from an existing version. folders: the empty ones;
    left_out: those that the repository cannot hold. reserved: what no version may hold."""

    sources: Sequence[Source] = ()
    kept: tuple[File, ...] = ()
    folders: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    reserved: tuple[str, ...] = ()


class Onto(NamedTuple):
    """An existing version on top of which another is made: its name and digest, and its files and empty folders."""

    name: str
    digest: str
    manifest: Manifest


def gather(request: LogRequest, exclude: Sequence[str], onto: Onto | None, number: int, stack: ExitStack) -> LogFiles:
    """exclude: patterns beside those of the request. number: the repository's format. stack: holds what has to be
    there until the files have been read.

    Raises MissingPath, UnsupportedFile, UnreadableFile, NothingToLog, NoContent, UnknownFile, NeedsFormat."""
    base = _without(onto, request.remove) if onto else Manifest(())
    found = _given(request, exclude, stack)
    new = {source.path for source in found.sources}
    kept = tuple(file for file in base.files if file.path not in new)
    paths = sorted([*new, *(file.path for file in kept)]) if kept else [source.path for source in found.sources]
    folders = sorted({*base.folders, *found.folders})
    folders = sorted({*folders} - {*folders_with_content(paths, folders)}) if onto else folders
    if not paths:
        raise NothingToLog(what=f"what is left of {onto.name}" if onto else "the command")
    check_together(paths, folders)
    if number > 1:
        return LogFiles(found.sources, kept, tuple(folders), reserved=found.reserved)
    what = beyond_format_1(paths, ())
    if what:
        require(what, 2, number)
    return LogFiles(found.sources, kept, left_out=tuple(folders), reserved=found.reserved)


def _given(request: LogRequest, exclude: Sequence[str], stack: ExitStack) -> Found:
    if isinstance(request.paths, Mapping):
        return Found(stack.enter_context(intake.mapping.sources_of(request.paths)))
    if not request.paths and request.onto is not None:
        return Found([])
    selection = request.selection
    return scan(request.paths, selection._replace(exclude=[*exclude, *selection.exclude]))


def _without(onto: Onto, remove: Sequence[str]) -> Manifest:
    """The files and folders of a version but those of these paths, or in folders of these paths. Raises UnknownFile."""
    manifest = onto.manifest
    for path in remove:
        name, inner = path.rstrip("/"), f"{path.rstrip('/')}/"
        rest = Manifest(
            tuple(file for file in manifest.files if file.path != name and not file.path.startswith(inner)),
            tuple(folder for folder in manifest.folders if folder != name and not folder.startswith(inner)),
        )
        if rest == manifest:
            paths = [*(file.path for file in manifest.files), *manifest.folders]
            raise UnknownFile(version=onto.name, path=path, near=near(path, paths))
        manifest = rest
    return manifest
