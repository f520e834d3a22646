"""Whose repository may be written to. One that somebody else owns only if the user has said that it is safe: a folder
found on the way up from the working folder may have been planted there (docs/adr/0012).

The user says so in settings of their own, outside of any repository, or for one run in `$MREG_SAFE`.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from mreg import lazy, storage
from mreg.session import locations, places
from mreg.session.nearest import locate
from mreg.small_files import NotAFile, make_folders, read_start
from mreg.values import toml
from mreg.values.canonical import Malformed
from mreg.values.errors import Damaged, Failed, NotFound, Refused

__all__ = ["USER_SETTINGS", "set_user_setting", "user_setting"]

SETTING = "safe.directory"
USER_SETTINGS = {SETTING: "repositories of other users that may be written to; * for all"}
"""The settings that a user has in all repositories, and what they mean."""

ANY = "*"

MAX_LENGTH = 1 << 20
"""Bytes of the user's settings."""


class Untrusted(Refused):
    code = "untrusted"
    template = "{location} belongs to {owner}: it is read-only until you declare it safe"

    location: str
    owner: str


class DamagedUserConfig(Damaged):
    code = "damaged-user-config"
    template = "{path} is not a valid settings file: {reason}"

    path: str


class NoHome(Failed):
    code = "no-home"
    template = "you have no home folder to keep settings in"


class UnknownUserSetting(NotFound):
    code = "unknown-user-setting"
    template = "there is no user setting {name!r}"

    name: str


def check_owner(location: str) -> None:
    """May the repository in the folder `location` be written to? One that does not exist yet may.

    Its folder and its config must belong to the user, or to root, who can change what the user runs anyway. If the
    owner of the folder lets a group write to it, the config may belong to anybody. Raises Untrusted.
    """
    stranger = _stranger(location)
    if stranger is not None and not _is_listed(location):
        raise Untrusted(location=location, owner=_name(stranger))


def owner_of(location: str) -> str:
    """Who else the repository in the folder belongs to; empty for nobody else."""
    stranger = _stranger(location)
    return "" if stranger is None else _name(stranger)


def may_be_written(location: str) -> bool:
    """What `check_owner` says."""
    return _stranger(location) is None or _is_listed(location)


def _stranger(location: str) -> int | None:
    trusted = {os.geteuid(), 0, places.account_behind_sudo()}
    return next((owner for owner in _owners(location) if owner not in trusted), None)


def _owners(location: str) -> Iterator[int]:
    with suppress(FileNotFoundError):
        folder = os.stat(location)
        yield folder.st_uid
        if not folder.st_mode & stat.S_IWGRP:
            yield os.lstat(os.path.join(location, "config.toml")).st_uid


def user_setting(name: str) -> list[str]:
    """The value of a setting of the user. Raises UnknownUserSetting, DamagedUserConfig."""
    _check(name)
    return safe_directories()


def set_user_setting(name: str, text: str) -> list[str]:
    """Change a setting of the user; its value then. See `add_safe_directory`. Raises UnknownUserSetting,
    DamagedUserConfig."""
    _check(name)
    return add_safe_directory(text)


def _check(name: str) -> None:
    if name not in USER_SETTINGS:
        raise UnknownUserSetting(name=name)


def safe_directories() -> list[str]:
    """What the user's settings list as safe. Raises DamagedUserConfig."""
    found = user_table().get("safe", {})
    listed = found.get("directory", []) if isinstance(found, dict) else None
    if not isinstance(listed, list) or not all(isinstance(path, str) for path in listed):
        raise DamagedUserConfig(path=str(places.user_config()), reason=f"{SETTING} is not a list of strings")
    return listed


def add_safe_directory(path: str) -> list[str]:
    """List one more repository as safe: `*` all of them; an empty text clears the list. All that are listed then.

    Raises DamagedUserConfig, NoHome, UnknownScheme, InvalidLocation.
    """
    listed = safe_directories()
    place = path if path in ("", ANY) else os.path.realpath(locate(locations.folder_of(path, "a safe directory")))
    listed = list(dict.fromkeys([*listed, place])) if path else []
    table = user_table()
    table["safe"] = {**table.get("safe", {}), "directory": listed}
    write_user_table(table)
    return listed


def _is_listed(location: str) -> bool:
    wanted = os.path.realpath(location)
    listed = [*places.safe_by_environment(), *safe_directories()]
    return any(path == ANY or os.path.realpath(locate(path)) == wanted for path in listed)


def _name(uid: int) -> str:
    try:
        return lazy.pwd.getpwuid(uid).pw_name
    except (ImportError, KeyError):
        return f"the account {uid}"


def user_table() -> dict[str, Any]:
    """What the user's settings file says. Raises DamagedUserConfig."""
    path = places.user_config()
    if path is None:
        return {}
    try:
        data = read_start(path, MAX_LENGTH + 1)
    except (FileNotFoundError, NotADirectoryError):  # the home of many a service is /dev/null
        return {}
    except NotAFile as error:
        raise DamagedUserConfig(path=path, reason=error.strerror or str(error)) from None
    if len(data) > MAX_LENGTH:
        raise DamagedUserConfig(path=path, reason=f"it is larger than {MAX_LENGTH >> 20} MiB")
    try:
        return toml.loads(os.fsdecode(data))  # a path need not be UTF-8
    except Malformed as error:
        raise DamagedUserConfig(path=path, reason=str(error)) from None


def write_user_table(table: dict[str, Any]) -> None:
    """Replace the user's settings file. Raises NoHome."""
    path = places.user_config()
    if path is None:
        raise NoHome()
    make_folders(os.path.dirname(path))
    storage.temporary.replace_file(path, os.fsencode(lazy.tomli_w.dumps(table)))
