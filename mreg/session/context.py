"""The parts of one open repository, put together when they are first needed."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mreg.refs.journal import APPLIED, Entry, Journal, key_of as journal_key
from mreg.refs.ref_files import CONFIG, Ref, file_of
from mreg.refs.view import View
from mreg.session import config
from mreg.storage import Storage
from mreg.values.errors import NotFound

if TYPE_CHECKING:  # loaded only by the commands that need them: start-up time
    from mreg.content.objects import Objects
    from mreg.refs.transaction import Draft, Signature
    from mreg.session.index import Index


class NoRepository(NotFound):
    code = "no-repository"
    template = "there is no mreg repository {where}"

    location: str
    where: str


class Context:
    """What the operations work with.

    storage: where the repository lies; `location` names it for people. cache: the folder for lookup
    tables and ready-to-load copies, or a function that tells it when it is first needed, or None for
    no folder. Raises NoRepository, DamagedConfig, NewerFormat.
    """

    def __init__(
        self,
        storage: Storage,
        location: str,
        *,
        cache: str | Callable[[], str] | None = None,
        author: str | None = None,
    ) -> None:
        data = config.read(storage)
        if data is None and has_journal(storage):
            raise config.DamagedConfig(reason="it is missing")
        if data is None:
            raise NoRepository(location=location, where=f"at {location}")
        self.identity = config.identify(data)
        if config.is_shared(data):
            storage.share()
        self.storage = storage
        self.location = location
        self.journal = Journal(storage, self.identity.id)
        self._config = data
        self._cache = cache
        self._author = author
        self._objects: Objects | None = None
        self._index: Index | None = None

    @property
    def cache(self) -> str | None:
        """The cache folder's path."""
        return self._cache() if callable(self._cache) else self._cache

    @property
    def objects(self) -> Objects:
        if self._objects is None:
            from mreg.content.objects import Objects

            self._objects = Objects(self.storage)
        return self._objects

    @property
    def index(self) -> Index:
        """The lookup tables, not necessarily up to date: see `Index.catch_up`."""
        if self._index is None:
            from mreg.session.index import Index

            self._index = Index(self.storage, self.journal, self._index_path())
        return self._index

    def fresh_index(self) -> Index:
        """The lookup tables with all that is committed by now."""
        self.journal.applied()  # raises where the journal has lost entries, of which the tables could say nothing
        self.index.catch_up()
        return self.index

    @property
    def signature(self) -> Signature:
        from mreg.refs.transaction import Signature

        return Signature(self._author or _user(), os.uname().nodename)

    def read_config(self) -> None:
        """Read config.toml again: it may have been mended since the repository was opened."""
        data = config.read(self.storage)
        if data is not None:
            self._config = data

    def view(self) -> View:
        """The refs as they are now; what the journal knows and has no file is damage."""
        return View(self.storage, self.journal, self._known)

    def quick_view(self) -> View:
        """The same without the lookup tables, which take some milliseconds to open: what was lost looks as if it
        had never been."""
        return View(self.storage, self.journal)

    def _known(self, file: str) -> dict[str, Ref]:
        """The refs in a file as the journal has them."""
        return {key: ref for key, ref in self.fresh_index().refs(file).items() if file_of(key) == file}

    def setting(self, name: str) -> Any:
        """The setting's value, or its default. Raises UnknownSetting, DamagedSetting."""
        default = config.setting(name).default
        value = self.settings().get(name, default)
        fault = config.fault(name, value)
        if fault:
            raise config.DamagedSetting(name=name, reason=fault)
        return value

    def settings(self) -> dict[str, Any]:
        """The settings that the repository sets, as committed by now."""
        config.check(self._config)
        settings = config.decode(self.quick_view().ref(CONFIG))
        if settings.get(config.SHARED) == config.GROUP:  # also if that came about since the repository was opened
            self.storage.share()
        return settings

    def commit(self, command: str, build: Callable[[Draft], None], *, patience: str | None = None) -> Entry | None:
        """See `mreg.refs.transaction.commit`. patience: in the place of the setting lock.timeout."""
        from mreg.refs.transaction import commit

        timeout = config.parse_seconds(self.setting("lock.timeout") if patience is None else patience)
        return commit(self.storage, self.journal, self.signature, command, build, timeout=timeout, known=self._known)

    def close(self) -> None:
        if self._index is not None:
            self._index.close()
            self._index = None

    def _index_path(self) -> str | None:
        """One file for each repository, place and host: SQLite's shared memory does not span hosts."""
        from mreg.values.digest import digest

        cache = self.cache
        if cache is None:
            return None
        where = digest(f"{self.identity.id}\n{self.location}\n{os.uname().nodename}".encode())
        return os.path.join(cache, "index", f"{where[:32]}.sqlite")


def has_journal(storage: Storage) -> bool:
    """Is there a repository, even one that has lost its config?"""
    return any(storage.stat(key) is not None for key in (APPLIED, journal_key(1)))


def _user() -> str:
    """The account's name by the system's own word (the environment is the caller's business)."""
    try:
        import pwd

        return pwd.getpwuid(os.getuid()).pw_name
    except (ImportError, KeyError):
        return f"uid{os.getuid()}"
