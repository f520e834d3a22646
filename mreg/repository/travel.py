"""Versions between repositories: push, pull, clone, mirror, bundle."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO, Self, Unpack

from mreg import lazy, operations, session, sync
from mreg.repository.given import texts, wanted
from mreg.repository.opening import AlreadyInitialised, Opened
from mreg.session import locations, places
from mreg.session.nearest import FOLDER
from mreg.storage import Storage
from mreg.storage.local import LocalStorage
from mreg.values.errors import MregError
from mreg.values.progress import Progress

if TYPE_CHECKING:
    from mreg.repository import Repository
    from mreg.sync.request import Request
    from mreg.values.filters.filter import Filter
    from mreg.values.transfers import Mirrored, Transfer, TransferOptions


ORIGIN = "origin"
"""The remote that a clone has: where it is from."""


class Travel(Opened):
    """Methods that transfer versions between this repository and another one."""

    def push(
        self,
        remote: Repository | str | os.PathLike[str],
        references: str | Sequence[str] = (),
        **options: Unpack[TransferOptions],
    ) -> Transfer:
        """Copy versions of this repository to another one. Only missing data is sent; all refs change in one change
        there.

        remote: the other repository, the name of a remote, or a location.
        references: the versions to send.
        options: see `TransferOptions`.

        Versions keep their numbers. Lower numbers that are missing there are reserved for the versions that have them
        here. If a number belongs to another version there, NumbersTaken is raised. Versions deleted there stay deleted.
        Annotations, properties and attachments are sent too; if both sides changed them, AnnotationsDiffer is raised.
        An alias moves there only from where it has been here, otherwise AliasElsewhere is raised. After any of these
        errors, nothing has changed.

        An interrupted transfer continues where it stopped.
        """
        if not isinstance(remote, Travel):
            sync.bundles.check_is_none(self._place(remote))
        return self._move(self, self._remote(remote), _request("push", references, options), options.get("progress"))

    def pull(
        self,
        remote: Repository | str | os.PathLike[str] | BinaryIO,
        references: str | Sequence[str] = (),
        **options: Unpack[TransferOptions],
    ) -> Transfer:
        """Copy versions of another repository to this one: `push` in the other direction. remote: may also be a bundle,
        or a binary stream of one; without references, all of its versions are copied."""
        bundle = self._bundle(remote)
        if bundle and not (references or options.get("where")):
            options["every"] = True
        source = bundle or self._remote(remote)  # type: ignore[arg-type]
        return self._move(source, self, _request("pull", references, options), options.get("progress"))

    def _bundle(self, remote: Repository | str | os.PathLike[str] | BinaryIO) -> Travel | None:
        """The bundle, open, if it is one."""
        if isinstance(remote, Travel):
            return None
        if not isinstance(remote, str | os.PathLike):
            return type(self)(sync.bundles.opened(remote))
        place = self._place(remote)
        return type(self)(sync.bundles.opened(os.path.abspath(place))) if os.path.isfile(place) else None

    @classmethod
    def clone(
        cls,
        remote: Repository | str | os.PathLike[str],
        location: str | os.PathLike[str] | None = None,
        *,
        author: str | None = None,
        progress: Progress | None = None,
    ) -> tuple[Self, Transfer]:
        """Create a new repository with all versions, aliases, links, tags and cards of another one. Returns the new
        repository and what was transferred. It has its own id, and a remote `origin` if the other one was given by its
        location.

        location: see `init`; default: a folder named like the other one's.

        An interrupted clone continues when repeated; one that fails before any data arrives leaves nothing behind.
        Raises AlreadyInitialised if there is another repository at `location`.
        """
        if not isinstance(remote, Travel):
            session.remotes.check_is_given(remote)
        if location is not None:
            session.remotes.check_is_given(location)
        other: Travel
        if isinstance(remote, Travel):
            other = remote
        else:
            with session.remotes.opening(remote):
                other = cls.open(remote, author=author)
        location = _called(other.location) if location is None else location
        is_new, absent = True, not os.path.lexists(location)
        try:
            made = cls.init(location, author=author)
        except AlreadyInitialised:
            made, is_new = cls.open(location, author=author), False
            if not sync.transfer.is_begun(made._context, other.location):
                raise
        request = sync.request.everything("clone")._replace(collections=True)
        try:
            done = cls._move(other, made, request, progress)
        except Exception:
            if is_new:
                made._discard_empty(absent)
            raise
        if not isinstance(remote, Travel) and locations.remote_of(location) is None:
            with suppress(session.remotes.RemoteExists):  # it goes on
                operations.remotes.set_remote(made._context, ORIGIN, other.location, user=False, new=True)
        return made, done

    def _discard_empty(self, folder: bool) -> None:
        """Remove the repository that was just made here, and the folder that it was made in, if nothing has come: there
        is nothing to go on with."""
        self.close()
        storage, place = self._context.storage, self._context.location
        if not isinstance(storage, LocalStorage):
            return  # one cannot keep writers away from a bucket
        with suppress(OSError, MregError), storage.lock():
            if sync.transfer.is_empty(self._context):
                lazy.shutil.rmtree(place)
                if folder:
                    os.rmdir(os.path.dirname(place))

    def mirror(self, location: str | os.PathLike[str], *, progress: Progress | None = None) -> Mirrored:
        """Create or update a mirror of this repository at `location` (the name of a remote, or see `init`): a copy with
        the same id and journal, which must only be read and mirrored to. Raises NoMirror if another repository is
        there, Diverged if the mirror was written to, SameRepository if `location` is this repository."""
        location = self._place(location)
        url = locations.remote_of(location)
        if url:
            self._check_is_another(str(url))
            replica = session.buckets.open_replica(url, self._context.cache)
            session.buckets.prepare(replica)
            return self._mirrored(replica, str(url), progress)
        path = places.place_for_new(location)
        self._check_is_another(os.path.realpath(path))
        storage = LocalStorage(path, permit=lambda: session.trust.check_owner(path))
        return self._mirrored(storage, path, progress)

    def _check_is_another(self, location: str) -> None:
        here = self._context.location
        if location == (here if locations.remote_of(here) else os.path.realpath(here)):
            raise sync.faults.SameRepository(location=location)

    def _mirrored(self, storage: Storage, location: str, progress: Progress | None) -> Mirrored:
        done: Mirrored = sync.mirror.mirror(self._context, storage, location, progress)
        return done

    def create_bundle(
        self,
        path: str | os.PathLike[str] | BinaryIO,
        references: str | Sequence[str] = (),
        *,
        every: bool = False,
        where: str | Filter | Sequence[str | Filter] = (),
        since: Repository | str | os.PathLike[str] | None = None,
        progress: Progress | None = None,
    ) -> Transfer:
        """Write versions, with everything that can be transferred with them, to one new file that `pull` reads. `bytes`
        of the result is the size of the file.

        path: the file, or a binary stream, which is written sequentially.
        references, every, where: the versions (see `push`).
        since: another bundle or a repository: what it contains is left out, and must be present where the bundle is
            pulled.

        An interrupted call continues with `PATH.part` when repeated. Raises FileExists, NoFileName, BundleBusy.
        """
        request = sync.request.everything("bundle create")._replace(
            references=texts(references), every=every, where=wanted("", where, (), None, ()).where, doubt=False
        )
        base = None if since is None else self._remote(since)._context
        place = os.fspath(path) if isinstance(path, str | os.PathLike) else path
        done: Transfer = sync.bundles.create(self._context, place, request, base, progress)
        return done

    @staticmethod
    def _move(source: Travel, target: Travel, request: Request, progress: Progress | None) -> Transfer:
        done: Transfer = sync.transfer.transfer(source._context, target._context, request, progress)
        return done

    def _remote(self, remote: Repository | str | os.PathLike[str]) -> Travel:
        """The other repository, open; also a bundle. Its history tells the same author."""
        return remote if isinstance(remote, Travel) else self._bundle(remote) or self.elsewhere(remote)

    def _place(self, remote: str | os.PathLike[str]) -> str | os.PathLike[str]:
        return session.remotes.place_of(self._context, remote)


def _called(location: str) -> str:
    """The name of the folder that the repository is in."""
    return os.path.basename(location.rstrip("/").removesuffix(f"/{FOLDER}")) or "."


def _request(command: str, references: str | Sequence[str], options: TransferOptions) -> Request:
    return sync.request.Request(
        references=texts(references),
        every=options.get("every", False),
        where=wanted("", options.get("where", ()), (), None, ()).where,
        aliases=texts(options.get("aliases", ())),
        every_alias=options.get("all_aliases", False),
        links=options.get("links", False),
        tags=options.get("tags", False),
        cards=options.get("cards", False),
        renumber=options.get("renumber", False),
        restore=options.get("restore", False),
        names=options.get("names", {}),
        dry_run=options.get("dry_run", False),
        doubt=command == "pull",
        command=" ".join([command, *texts(references)]),
    )
