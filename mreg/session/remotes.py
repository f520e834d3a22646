"""Other repositories: opened by their locations, or by names for these, which the settings of a repository or of the
user keep.

A name stands for a location and no more: credentials come from where each kind of location has them (`storage/clouds`),
and a location that holds some is refused. Which host is asked decides who may see that somebody asks, so a name in a
repository's settings counts only where the user trusts who can write these (docs/adr): not in a repository of somebody
else, unless it is listed as safe, and not in one that is reached over a network.

A function that takes a `view` finds the location in that; without one, in config.toml as it can be seen. To read from a
remote does without: a view compares with the lookup tables, and to make these for a repository that is asked nothing
else costs a new cache seconds. Whatever is sent, changed or recorded needs one: an old or edited config.toml must not
decide about it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mreg import session
from mreg.refs.heading import DamagedConfig
from mreg.refs.view import View
from mreg.session import locations, places, trust
from mreg.session.context import Context, NoRepository
from mreg.storage.base import Storage
from mreg.storage.local import LocalStorage
from mreg.values.errors import Damaged, MregError, NotFound, Refused, check_text
from mreg.values.named_tuple import NamedTuple
from mreg.values.names import Reference, check_name, is_name, near, split_remote

__all__ = ["Remote"]

SECTION = "remote"
MAX_LENGTH = 4096


class UnknownRemote(NotFound):
    code = "unknown-remote"
    template = "there is no remote {name!r}"

    name: str


class NoSuchPlace(NotFound):
    """What may be meant as the name of a remote, or as a folder."""

    code = "no-such-place"
    template = "there is no remote {name!r}, and no repository {where}"

    name: str
    where: str


class RemoteExists(Refused):
    code = "remote-exists"
    template = "the remote {name!r} exists already: {location}"

    name: str
    location: str


class UntrustedRemote(Refused):
    code = "untrusted-remote"
    template = "the remote {name!r} is ignored: {owner} can change it, in {repository}"

    name: str
    repository: str
    owner: str


class RemotesElsewhere(Refused):
    code = "remotes-elsewhere"
    template = "remotes in the settings of {repository} are ignored, as anyone who can write there can change them"

    repository: str


class DamagedThere(Damaged):
    """Another repository is damaged, from which something is to be read, not this one."""

    code = "damaged-there"
    template = "{location} is damaged: {reason}"

    location: str


class OnlyHere(Refused):
    """What would change something names a version in a remote."""

    code = "only-here"
    template = "{reference!r} is in a remote: this command needs a version of this repository"

    reference: str


class Remote(NamedTuple):
    """A name for another repository. user: whether it is one of the user's own, for all repositories. followed: false
    where it stands in a repository that others may write to, so that it is not used."""

    name: str
    location: str
    user: bool
    followed: bool


# By location.


@contextmanager
def opening(location: str | os.PathLike[str]) -> Iterator[None]:
    """Another repository than the user's own: that it is damaged is told of it. Raises DamagedThere."""
    try:
        yield
    except DamagedConfig as error:
        where = locations.remote_of(location) or os.path.abspath(location)
        raise DamagedThere(location=str(where), reason=str(error)) from error


def open_location(location: str | os.PathLike[str], cache: str | None = None, author: str | None = None) -> Context:
    """The repository there, whatever kind of location it is. See `Repository.open`."""
    url = locations.remote_of(location)
    if url:
        replica = session.buckets.open_replica(url, cache)
        return Context(replica, str(url), cache=cache or places.default_cache, author=author)
    path = places.place_of_existing(location)
    storage = LocalStorage(path, permit=lambda: trust.check_owner(path))
    return Context(storage, path, cache=places.cache_of(path, cache), author=author)


def storage_for_repair(location: str | os.PathLike[str]) -> Storage:
    """Of the repository there, which may not be one that can be opened. Raises as `open_location` does."""
    url = locations.remote_of(location)
    if url is None:
        return LocalStorage(places.place_of_existing(location))
    replica = session.buckets.open_replica(url, None)
    if replica.remote.lists:
        replica.doubt()
    return replica


def open_place(context: Context, place: str | os.PathLike[str]) -> Context:
    """The repository that the name of a remote, or a location, means to the user of this one: it may be written to."""
    try:
        location = place_of(context, place)
        with opening(location):
            return open_location(location, author=context.author)
    except NoRepository as error:
        if isinstance(place, str) and is_name(place) and not os.path.exists(place):
            known = list(_known(context, None))
            if place not in known:
                raise NoSuchPlace(name=place, where=error.where, near=near(place, known)) from None
        raise


def place_of(context: Context, place: str | os.PathLike[str]) -> str | os.PathLike[str]:
    """The location that the name of a remote means, by the journal; a location as it is. Raises UntrustedRemote, and
    InvalidLocation where none is given."""
    check_is_given(place)
    if not (isinstance(place, str) and is_name(place)):
        return place
    known = _known(context, context.view())
    return _followed(context, known[place]) if place in known else place


# By name.


def at(context: Context, reference: str, view: View | None = None, *, begin: bool = True) -> tuple[Context, str]:
    """The repository that a reference or a name is to be looked up in, and what it is called there. begin: an
    operation in it. Raises as `open_remote` does."""
    remote, rest = split_remote(reference)
    if remote is None:
        return context, reference
    there = open_remote(context, remote, view)
    if begin:
        there.storage.begin()
    return there, rest


def refuse(context: Context, reference: Reference) -> None:
    """Say that what is in a remote cannot be changed from here. Raises UnknownRemote, UntrustedRemote, OnlyHere."""
    if reference.remote:
        location_of(context, reference.remote)
        raise OnlyHere(reference=str(reference))


def open_remote(context: Context, name: str, view: View | None = None) -> Context:
    """The repository that the name means, to read from, opened once. Raises UnknownRemote, UntrustedRemote."""
    name = check_name(name, "remote name")
    key = name if view is None else location_of(context, name, view)  # a name contains no slash
    if key not in context.remotes:
        location = key if view else location_of(context, name)
        with opening(location):
            found = open_location(location, author=context.author)
        found.near = context
        context.remotes[key] = found
    return context.remotes[key]


def location_of(context: Context, name: str, view: View | None = None) -> str:
    """Raises UnknownRemote, UntrustedRemote."""
    known = _known(context, view)
    if name not in known:
        raise UnknownRemote(name=name, near=near(name, list(known)))
    return _followed(context, known[name])


def _followed(context: Context, remote: Remote) -> str:
    """Its location. Raises UntrustedRemote."""
    if not remote.followed:
        owner = trust.owner_of(context.location) if is_local(context) else "anyone who can write there"
        raise UntrustedRemote(name=remote.name, repository=context.location, owner=owner)
    return remote.location


def remotes(context: Context, view: View | None = None) -> list[Remote]:
    """All remotes, sorted by name: the repository's, and then the user's own of that name, which it hides."""
    return sorted([*_of_repository(context, view), *_of_user()], key=lambda one: (one.name, one.user))


def check_is_given(location: str | os.PathLike[str]) -> None:
    """An empty one, of a variable that was never set, would mean the working folder. Raises InvalidLocation."""
    if not os.fspath(location):
        raise locations.InvalidLocation(location="", reason="it is empty")


def check_location(location: str | os.PathLike[str]) -> str:
    """The location in the form in which it is kept. Raises InvalidLocation, InvalidBucket, UnknownScheme."""
    text = os.fspath(location)
    url = locations.remote_of(text) if text else None
    if url is None:
        kept = locations.text_of(os.path.abspath(os.path.expanduser(locations.folder_of(text)))) if text else ""
    else:
        check_text(text, "a location")
        session.buckets.check_place(url)
        kept = str(url)
    if not kept or len(kept) > MAX_LENGTH or not kept.isprintable():
        raise locations.InvalidLocation(location=text[:80], reason="it is empty, too long, or not printable")
    return kept


def own_remotes() -> dict[str, str]:
    """The user's own, by name. Raises DamagedUserConfig."""
    return _texts(trust.user_table().get(SECTION, {}))


def keep_own(kept: dict[str, str]) -> None:
    """Raises DamagedUserConfig, NoHome."""
    trust.write_user_table({**trust.user_table(), SECTION: kept})


def remotes_in(settings: dict[str, Any]) -> dict[str, str]:
    """Those among the settings of a repository, by name."""
    start = f"{SECTION}."
    return _texts({name.removeprefix(start): value for name, value in settings.items() if name.startswith(start)})


def is_local(context: Context) -> bool:
    """Does the repository lie in a folder of this machine, whose owner can be told?"""
    return isinstance(context.storage, LocalStorage)


def _known(context: Context, view: View | None) -> dict[str, Remote]:
    return {one.name: one for one in reversed(remotes(context, view))}


def _of_repository(context: Context, view: View | None) -> list[Remote]:
    found = remotes_in(context.settings(view))
    followed = bool(found) and is_local(context) and trust.may_be_written(context.location)
    return [Remote(name, location, False, followed) for name, location in found.items()]


def _of_user() -> list[Remote]:
    return [Remote(name, location, True, True) for name, location in own_remotes().items()]


def _texts(table: Any) -> dict[str, str]:
    """Other hands may have written anything."""
    found = table.items() if isinstance(table, dict) else ()
    return {name: value for name, value in found if is_name(name) and isinstance(value, str) and _is_kept_so(value)}


def _is_kept_so(location: str) -> bool:
    try:
        return check_location(location) == location
    except MregError:
        return False
