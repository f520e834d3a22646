"""Names of files in versions, which are Unicode, and of those on this system, which are bytes.

Python makes texts of the bytes by the locale. Where that is not UTF-8, the same bytes are other texts: a name that was
stored as Python tells it would come out as other bytes elsewhere. In versions, names are what their bytes are in UTF-8.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mreg.values.records import Manifest

IS_UTF8 = sys.getfilesystemencoding() == "utf-8"


def stored(name: str) -> str:
    """The name in a version of what the system calls `name`. Bytes that are no UTF-8 become halves of surrogate
    pairs, which no version may hold."""
    return name if IS_UTF8 else os.fsencode(name).decode("utf-8", "surrogateescape")


def local(path: str) -> str:
    """What the system's calls are to be given for a path in a version."""
    return path if IS_UTF8 else os.fsdecode(path.encode("utf-8", "surrogateescape"))


def localised(manifest: Manifest) -> Manifest:
    """The files and folders by the paths that the system's calls are to be given."""
    if IS_UTF8:
        return manifest
    files = tuple(file._replace(path=local(file.path)) for file in manifest.files)
    return manifest._replace(files=files, folders=tuple(map(local, manifest.folders)))
