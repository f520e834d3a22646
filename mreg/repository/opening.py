"""An open repository: create, find, open, close."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Self

from mreg import operations, session
from mreg.refs import heading
from mreg.refs.keys import CONFIG
from mreg.refs.ref_files import Ref, encode
from mreg.repository.given import texts
from mreg.session import config, locations, places
from mreg.session.context import Context, has_journal
from mreg.session.places import default_cache, find_repository
from mreg.storage import ABSENT, PutLost, Storage
from mreg.storage.local import LocalStorage
from mreg.values.errors import InvalidInput, Refused
from mreg.values.formats import check_known

if TYPE_CHECKING:
    from mreg.operations.upgrade import Upgraded


class AlreadyInitialised(Refused):
    code = "already-initialised"
    template = "{location} is already an mreg repository"

    location: str


class SeveralRepositories(InvalidInput):
    code = "several-repositories"
    template = "{names} are in different repositories; only one can be searched at a time"

    names: str


class Opened:
    """What all parts of the facade share: one open repository."""

    def __init__(self, context: Context) -> None:
        self._opened = context
        self._is_one = False

    @property
    def _context(self) -> Context:
        """The parts of the repository, for one operation, which begins now."""
        if not self._is_one:
            self._opened.storage.begin()
        return self._opened

    def as_one(self) -> Self:
        """Treat all further calls as one operation, as the command line does: what they have read once is not read
        again. Returns itself."""
        self._opened.storage.begin()
        self._is_one = True
        return self

    def _at(self, reference: str) -> tuple[Context, str]:
        """The repository that the reference is to be looked up in, for one operation, and what it is called there:
        `REMOTE/NAME` is in a remote."""
        context = self._context
        if "/" not in reference:
            return context, reference
        return session.remotes.at(context, reference, begin=not self._is_one)

    def _among(self, within: str | Sequence[str]) -> tuple[Context, tuple[str, ...]]:
        """The same for several names, which must be in one repository; `REMOTE/` alone is all that is there."""
        names = texts(within)
        if not any("/" in name for name in names):
            return self._context, names
        found = [self._at(name) for name in names]
        if any(there is not found[0][0] for there, _ in found):
            raise SeveralRepositories(names=", ".join(names))
        return found[0][0], tuple(name for _, name in found if name)

    def remote(self, name: str) -> Self:
        """Open the repository that the remote `name` refers to, for reading. It is closed together with this one.
        Raises UnknownRemote, UntrustedRemote."""
        return type(self)(session.remotes.open_remote(self._context, name))

    def elsewhere(self, place: str | os.PathLike[str]) -> Self:
        """Open another repository: a remote by its name, or a location (see `open`)."""
        return type(self)(session.remotes.open_place(self._context, place))

    @classmethod
    def _other(cls, source: Opened | str | os.PathLike[str] | None) -> Opened | None:
        """The repository that is meant, open."""
        return source if source is None or isinstance(source, Opened) else cls.open(source)

    @classmethod
    def init(
        cls,
        location: str | os.PathLike[str] = ".",
        *,
        shared: bool = False,
        format: int | None = None,
        cache: str | None = None,
        author: str | None = None,
    ) -> Self:
        """Create the repository `location/.mreg` and open it. If `location` ends in `.mreg`, it is the repository
        itself; it may also be the URL of a folder in a bucket.

        shared: let all members of the folder's group write, whatever their umask.
        format: the number of an older format, to share the repository with an older release.
        cache, author: see `open`.

        Raises AlreadyInitialised, NotAFolder, UnknownFormat.
        """
        url = locations.remote_of(location)
        if url:
            if shared:
                locations.check_folder(location, "what a group shares")
            return cls._init_bucket(url, format, cache, author)
        path = places.place_for_new(location)
        storage = LocalStorage(path, permit=lambda: _permit(path))
        cache_of = places.cache_of(path, cache)
        repository = cls.init_storage(storage, path, format=format, cache=cache_of, author=author)
        if shared:  # by the journal, as every setting, so that it can be made again from there
            operations.settings.set_setting(repository._context, config.SHARED, config.GROUP)
        return repository

    @classmethod
    def _init_bucket(cls, url: locations.Url, format: int | None, cache: str | None, author: str | None) -> Self:
        replica = session.buckets.open_replica(url, cache)
        if not session.buckets.prepare(replica):
            raise AlreadyInitialised(location=str(url))
        return cls.init_storage(replica, str(url), format=format, cache=cache or default_cache, author=author)

    @classmethod
    def open(
        cls, location: str | os.PathLike[str] = ".", *, cache: str | None = None, author: str | None = None
    ) -> Self:
        """Open the repository at `location`: a `.mreg` folder, the folder that contains it, the file:// URL of either,
        or the URL of a folder in a bucket (s3://BUCKET/FOLDER, gs://…, az://…), on an SSH server (ssh://HOST/PATH) or
        on a web server (https://…, read-only).

        cache: the folder for lookup tables and ready-to-load copies; default: `mreg.default_cache()`. A folder inside a
            repository is refused when it is first needed (CacheInRepository).
        author: recorded in the history; default: the name of the account.

        Raises NoRepository, NewerFormat. If the repository belongs to another user, methods that change it raise
        Untrusted (a Refused) until the user's settings or MREG_SAFE list it as safe.
        """
        return cls(session.remotes.open_location(location, cache, author))

    @classmethod
    def find(cls, start: str | None = None, *, cache: str | None = None, author: str | None = None) -> Self:
        """Open the repository that the command line would use: `$MREG_REPO`, or the nearest `.mreg` from `start`
        (default: the working folder) upwards. Raises NoRepository."""
        return cls.open(find_repository(start), cache=cache, author=author)

    @classmethod
    def init_storage(
        cls,
        storage: Storage,
        location: str,
        *,
        format: int | None = None,
        cache: str | Callable[[], str | None] | None = None,
        author: str | None = None,
    ) -> Self:
        """Create a repository in any storage and open it. location: its name in messages. Without a cache, lookup
        tables are kept in memory, and `use` is unavailable. Raises AlreadyInitialised, UnknownFormat."""
        number = config.FORMAT if format is None else check_known(format)
        text = config.initial(os.urandom(16).hex(), number)
        if config.exists(storage):  # also where nothing could be written
            raise AlreadyInitialised(location=location)
        if has_journal(storage):
            raise config.DamagedConfig(reason="it is missing")
        try:
            storage.put(CONFIG, encode(CONFIG, Ref(text, 0)), ABSENT)
        except PutLost:
            raise AlreadyInitialised(location=location) from None
        return cls(Context(storage, location, cache=cache, author=author))

    @classmethod
    def open_storage(
        cls,
        storage: Storage,
        location: str,
        *,
        cache: str | Callable[[], str] | None = None,
        author: str | None = None,
    ) -> Self:
        """Open the repository in any storage. location: its name in messages. cache: see `init_storage`. Raises
        NoRepository, DamagedConfig, NewerFormat."""
        return cls(Context(storage, location, cache=cache, author=author))

    def close(self) -> None:
        """Close the lookup tables. They are reopened if the repository is used again."""
        self._opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def location(self) -> str:
        """The path or URL of the repository."""
        return self._opened.location

    @property
    def id(self) -> str:
        """The identity of the repository, 32 hex digits. Copies have the same one."""
        return self._opened.identity.id

    @property
    def format(self) -> int:
        """The number of the repository format, as currently committed."""
        return heading.of(self._context.quick_view().value(CONFIG)).format

    def upgrade(self) -> Upgraded:
        """Raise the repository format to the newest. Converts nothing and cannot be undone. Releases that do not know
        this format can no longer use the repository."""
        return operations.upgrade.upgrade(self._context)


def _permit(path: str) -> None:
    session.trust.check_owner(path)
