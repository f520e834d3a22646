"""Bundles: versions in one file, for where no network leads.

A bundle is a repository in a file (`storage/bundle_file.py`), made by a push and read by a pull, with all their checks.
It remembers from which repository it was made, so that aliases can follow from one bundle of it to the next. One that
was made `since` another leaves out what that had.
"""

from __future__ import annotations

import os
from typing import BinaryIO

from mreg.refs.keys import CONFIG
from mreg.refs.ref_files import Ref, encode
from mreg.session import config
from mreg.session.context import Context
from mreg.storage import ABSENT
from mreg.storage.bundle_file import PART, BundleFile, FileExists, is_bundle
from mreg.sync.faults import reading
from mreg.sync.request import Request
from mreg.sync.streams import STREAM, BundleStream, received
from mreg.sync.transfer import transfer
from mreg.values import formats
from mreg.values.errors import InvalidInput, Refused
from mreg.values.progress import Progress
from mreg.values.transfers import Transfer

_ORIGIN = "bundle.origin"


class NoFileName(InvalidInput):
    code = "no-file-name"
    template = "a bundle requires a file name, or `-` for standard output"


class BundleIsDone(Refused):
    code = "bundle-is-done"
    template = "{path} is a bundle; bundles cannot be changed"

    path: str


def check_is_none(place: str | os.PathLike[str]) -> None:
    """A bundle cannot be pushed to. Raises BundleIsDone."""
    if is_bundle(os.fspath(place)):
        raise BundleIsDone(path=os.fspath(place))


def create(
    source: Context,
    place: str | BinaryIO,
    request: Request,
    since: Context | None = None,
    progress: Progress | None = None,
) -> Transfer:
    """Write the bundle; `bytes` of the result are those of the file. Raises NoFileName, FileExists, BundleBusy, what
    `transfer` raises."""
    if isinstance(place, str):
        path, file = place, _file(place)
    else:
        path, file = STREAM, BundleStream.into(place)
    try:
        if file.get(CONFIG) is None:
            text = config.initial(os.urandom(16).hex(), formats.NEWEST)
            text += f'\n[bundle]\norigin = "{source.identity.id}"\n'
            file.put(CONFIG, encode(CONFIG, Ref(text, 0)), ABSENT)
        target = Context(file, path)
        if origin_of(target) != source.identity.id:
            raise FileExists(path=f"{path}{PART}, of another repository,")
        done = transfer(source, target, request, progress, since)
        return done._replace(bytes=file.finish())
    except BaseException:
        file.discard_empty()
        raise
    finally:
        file.close()


def _file(path: str) -> BundleFile:
    """Raises NoFileName, FileExists, BundleBusy."""
    if not path:
        raise NoFileName()
    if os.path.lexists(path):
        raise FileExists(path=path)
    return BundleFile.create(path)


def opened(place: str | BinaryIO) -> Context:
    """The bundle, to be pulled from. Raises DamagedBundle, DamagedConfig, NewerFormat."""
    file = BundleFile.open(place) if isinstance(place, str) else received(place)
    context = Context(file, file.path)
    with reading(context, own=False):
        context.origin = origin_of(context)
    return context


def origin_of(context: Context) -> str:
    """The id of the repository that it was made from."""
    return str(context.settings().get(_ORIGIN, context.identity.id))
