"""Where things are by the customs of the platform: the one module of the library that looks at the
environment and the home folder, and only when a caller asked it to, named no cache folder, or is about to
write to a repository that somebody else owns."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from mreg import lazy, storage
from mreg.session import locations
from mreg.session.context import NoRepository
from mreg.session.nearest import FOLDER, locate, nearest
from mreg.values.errors import Refused
from mreg.values.hints import READ_BUNDLE


class NotAFolder(Refused):
    code = "not-a-folder"
    template = "cannot make a repository at {location}: {path} is not a folder"

    location: str
    path: str


class CacheInRepository(Refused):
    code = "cache-in-repository"
    template = "the cache folder {cache!r} is inside a repository"

    cache: str


def default_cache() -> str | None:
    """`$MREG_CACHE`, else the platform's cache folder; None for an account without a home. Raises NeedsFolder."""
    given = os.environ.get("MREG_CACHE")
    if given:
        locations.check_folder(given, "the cache")
        return os.path.abspath(given)
    if sys.platform == "darwin":
        folder = _in_home("Library", "Caches")
    else:
        folder = _absolute("XDG_CACHE_HOME") or _in_home(".cache")
    return folder and os.path.join(folder, "mreg")


def cache_of(location: str, given: str | None) -> Callable[[], str | None]:
    """The cache folder for the repository at `location`: `given`, or the default one. It is looked for when it is
    needed; that raises CacheInRepository."""

    def find() -> str | None:
        cache = given or default_cache()
        if cache:
            check_cache(cache, location)
        return cache

    return find


def check_cache(cache: str, *locations: str) -> None:
    """Raises CacheInRepository where the cache folder lies in one of these repositories, or in any that goes by the
    name of one: both have a folder `tmp`, and each would clear up in the other's."""
    folder = os.path.realpath(cache)
    within = any(os.path.join(folder, "").startswith(os.path.join(os.path.realpath(one), "")) for one in locations)
    while not within and FOLDER in folder.split(os.sep):
        within = os.path.basename(folder) == FOLDER and os.path.exists(os.path.join(folder, "config.toml"))
        folder = os.path.dirname(folder)
    if within:
        raise CacheInRepository(cache=cache)


def user_config() -> str | None:
    """The file of the user's own settings, which may be missing; None for an account without a home. Never one in the
    working folder: what lies there may be anybody's."""
    folder = _absolute("XDG_CONFIG_HOME") or _in_home(".config")
    return folder and os.path.join(folder, "mreg", "config.toml")


def _in_home(*parts: str) -> str | None:
    home = _absolute("HOME") or _home_of_account()
    return home and os.path.join(home, *parts)


def _absolute(variable: str) -> str | None:
    """The folder that an environment variable names, if it is one that every working folder agrees on."""
    folder = os.environ.get(variable, "")
    return folder if os.path.isabs(folder) else None


def _home_of_account() -> str | None:
    try:
        home = lazy.pwd.getpwuid(os.getuid()).pw_dir
    except (ImportError, KeyError):
        return None
    return home if os.path.isabs(home) else None


def safe_by_environment() -> list[str]:
    """The repositories that `$MREG_SAFE` lists as safe."""
    return [path for path in os.environ.get("MREG_SAFE", "").split(os.pathsep) if path]


def account_behind_sudo() -> int | None:
    """Who became root by sudo."""
    given = os.environ.get("SUDO_UID", "")
    return int(given) if os.geteuid() == 0 and given.isascii() and given.isdigit() else None


def find_repository(start: str | None = None) -> str:
    """The repository for a folder: `$MREG_REPO`, else the nearest `.mreg` from `start` (the working folder)
    upwards, as git looks for its own. Raises NoRepository, PermissionError where that one may not be entered."""
    given = os.environ.get("MREG_REPO")
    if given and start is None:
        return given
    top = os.path.abspath(start or os.getcwd())
    found = nearest(top)
    if found is None:
        raise NoRepository(location=top, where=f"in {top} or above it")
    return found


def place_of_existing(location: str | os.PathLike[str]) -> str:
    """What `locate` says. Raises NoRepository for a file, UnknownScheme, InvalidLocation."""
    path = locate(locations.folder_of(location))
    if os.path.exists(path) and not os.path.isdir(path):
        error = NoRepository(location=path, where=f"at {path}, which is a file")
        if storage.bundle_file.is_bundle(path):
            error.facts["hint"] = READ_BUNDLE
        raise error
    return path


def place_for_new(location: str | os.PathLike[str]) -> str:
    """Where a new repository's folder goes: `location` if that is its name, else the `.mreg` in it. Raises NotAFolder
    where something else is in the way, UnknownScheme, InvalidLocation."""
    path = os.path.abspath(locations.folder_of(location))
    path = path if os.path.basename(path) == FOLDER else os.path.join(path, FOLDER)
    present = path
    while not os.path.lexists(present) and present != os.path.dirname(present):
        present = os.path.dirname(present)
    if not os.path.isdir(present):
        raise NotAFolder(location=path, path=present)
    return path
