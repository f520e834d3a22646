"""Where a repository is, told from folders alone. Needs nothing of mreg, so that shell completion can ask too."""

from __future__ import annotations

import errno
import os

FOLDER = ".mreg"
_OF_SCHEMES = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+.-"


def nearest(top: str) -> str | None:
    """The nearest `.mreg` from the folder `top` upwards. Raises PermissionError where it may not be entered."""
    folder = top
    while True:
        if _is_repository(os.path.join(folder, FOLDER)):
            return os.path.join(folder, FOLDER)
        parent = os.path.dirname(folder)
        if parent == folder:
            return None
        folder = parent


def is_url(location: str) -> bool:
    """Does it look like a URL? One slash is enough: `Path("s3://b/c")` keeps no more."""
    scheme, found, _ = location.partition(":/")
    return bool(found) and scheme[:1].isalpha() and scheme.isascii() and not scheme.strip(_OF_SCHEMES)


def locate(location: str | os.PathLike[str]) -> str:
    """The repository's own folder: `location` itself, or the `.mreg` in it."""
    path = os.path.abspath(location)
    inner = os.path.join(path, FOLDER)
    return inner if os.path.basename(path) != FOLDER and os.path.isdir(inner) else path


def _is_repository(folder: str) -> bool:
    if any(os.path.exists(os.path.join(folder, name)) for name in ("config.toml", "journal")):
        return True
    if os.path.isdir(folder) and not os.access(folder, os.X_OK):  # else it would be said that there is none
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), folder)
    return False
