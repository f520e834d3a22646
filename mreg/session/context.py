"""The parts of one open repository, each made when it is first needed."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

from mreg import content, lazy, refs, session, values
from mreg.refs import ref_files
from mreg.refs.journal import APPLIED, Journal, Look, key_of as journal_key
from mreg.refs.keys import CONFIG
from mreg.refs.ref_files import Ref
from mreg.refs.view import View
from mreg.session import config
from mreg.storage import LockTimeout, Storage
from mreg.values.errors import NotFound, check_text

if TYPE_CHECKING:
    from mreg.content.objects import Objects, ObjectsAt
    from mreg.refs.transaction import Committed, Draft, Signature
    from mreg.session.index import Index
    from mreg.session.kept_chunks import KeptChunks


_T = TypeVar("_T")

FEW = 20
"""Entries that a reader overlays without applying them, where it could."""


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

    remotes: the repositories that were opened from this one, by their names, or by their locations if these are what
    the journal says (`mreg.session.remotes`). near: in these, the one that they were opened from: what lies there need
    not be fetched.
    """

    def __init__(
        self,
        storage: Storage,
        location: str,
        *,
        cache: str | Callable[[], str | None] | None = None,
        author: str | None = None,
    ) -> None:
        data = config.read(storage)
        if data is None and has_journal(storage):
            raise config.DamagedConfig(reason="it is missing")
        if data is None:
            raise NoRepository(location=location, where=f"at {location}")
        self.identity = config.identify(data)
        self.origin = self.identity.id
        """Whose versions these are: those of the repository itself, unless it is a bundle of another one."""
        if config.is_shared(data):
            storage.share()
        self.storage = storage
        self.location = location
        self.journal = Journal(storage, self.identity.id)
        self._cache = cache
        if author is not None:
            check_text(author, "the author")
        self._author = author
        self._objects: Objects | None = None
        self._index: Index | None = None
        self.remotes: dict[str, Context] = {}
        self.near: Context | None = None

    @property
    def cache(self) -> str | None:
        """The cache folder's path."""
        return self._cache() if callable(self._cache) else self._cache

    @property
    def objects(self) -> Objects:
        if self._objects is None:
            self._objects = content.objects.Objects(self.storage, lambda key: self.view().died(key))
        return self._objects

    @property
    def kept_chunks(self) -> KeptChunks | None:
        """The chunks that are kept here of what is far; None where the repository itself is at hand."""
        cache = self.cache if self.storage.is_steady else None
        return session.kept_chunks.KeptChunks(os.path.join(cache, "chunks")) if cache else None

    def objects_at(self, view: View) -> ObjectsAt:
        """The objects under the keys that count as of this view."""
        return content.objects.ObjectsAt(self.storage, view.died)

    @property
    def index(self) -> Index:
        """The lookup tables, possibly out of date: see `tables`."""
        if self._index is None:
            self._index = session.index.Index(self.storage, self.journal, self._index_stem())
        return self._index

    def tables(self, look: Look) -> Index:
        """The lookup tables, brought up to date with that look at the journal. Raises Damaged."""
        self.index.catch_up(look)
        return self.index

    @property
    def author(self) -> str | None:
        """Who stands in the history, where that is not the account's name."""
        return self._author

    @property
    def signature(self) -> Signature:
        return refs.transaction.Signature(self._author or _user(), os.uname().nodename)

    def quick_view(self, look: Look | None = None) -> View:
        """The refs as they can be seen, for reading. It does without the lookup tables, which take milliseconds to
        open, so a ref that cannot be seen seems never to have existed. look: at the journal; else one is taken."""
        return View(self.storage, self.journal, look or self._look())

    def view(self, look: Look | None = None) -> View:
        """The refs as the journal has them, for decisions, and for a second look when something was not found."""
        return View(self.storage, self.journal, look or self._look(), self.tables)

    def _look(self) -> Look:
        """At the journal. Where the ref files are this user's own, as nobody else will, they are brought up to date."""
        look = self.journal.look()
        if look.head.seq == 0:  # a repository that nothing has happened in, or one whose journal was deleted
            ref_files.require_end(self.storage, self.journal, look.head)
        if self.storage.is_own and len(look.beyond) > FEW:
            with suppress(OSError, LockTimeout), self.storage.lock(0.0):
                return refs.transaction.roll_forward(self.storage, self.journal, look)
        return look

    def setting(self, name: str, view: View | None = None) -> Any:
        """The setting's value, or its default. Raises UnknownSetting, DamagedSetting."""
        return config.value(name, self.settings(view))

    def settings(self, view: View | None = None) -> dict[str, Any]:
        """The settings that the repository sets, as of `view`, or as of now. Raises DamagedConfig."""
        return self._understood(lambda: (view or self.quick_view()).ref(CONFIG))

    def _understood(self, read: Callable[[], Ref]) -> dict[str, Any]:
        settings = config.understood(read)
        if settings.get(config.SHARED) == config.GROUP:  # also if that came about since the repository was opened
            self.storage.share()
        return settings

    def lock(self) -> AbstractContextManager[None]:
        """Keep other writers out, when those at work have ended. Waits as the setting lock.timeout says, and by its
        default where that has to be set right first. Raises LockTimeout."""
        try:
            patience = config.value("lock.timeout", self._settings_now())
        except config.DamagedConfig:
            patience = str(config.setting("lock.timeout").default)
        return self.storage.lock(values.ages.parse_seconds(patience))

    def _settings_now(self) -> dict[str, Any]:
        """Those of the file, without a look at the journal. Raises DamagedConfig."""
        return self._understood(lambda: ref_files.read(self.storage, CONFIG))

    def commit(
        self,
        command: str,
        build: Callable[[Draft], _T],
        *,
        message: str | None = None,
        patience: str | None = None,
        alone: bool = False,
    ) -> Committed[_T]:
        """See `mreg.refs.transaction.commit`. command: as it was typed; the names in it are brought to NFC. patience:
        overrides the setting lock.timeout. alone: it must be an entry of its own (see `ChangeContext.commit`)."""
        command = values.names.composed(command)
        if patience is None:
            patience = config.value("lock.timeout", self._settings_now())
        timeout = values.ages.parse_seconds(patience)
        done = refs.transaction.commit(
            self.storage,
            self.journal,
            self.signature,
            command,
            build,
            message=message,
            timeout=timeout,
            tables=self.tables,
        )
        lacks_checkpoint = self._index is not None and self._index.lacks_checkpoint
        if done.entry and (lacks_checkpoint or done.entry.seq % refs.journal.CHECKPOINT_EVERY == 0):
            self.checkpoint(done.look)
        return done

    def checkpoint(self, look: Look) -> None:
        """Spare new caches to read the journal up to here, which costs them time, and nothing else."""
        with suppress(OSError, values.errors.MregError):
            self.tables(look).checkpoint()

    def close(self) -> None:
        self.close_remotes()
        if self._index is not None:
            self._index.close()
            self._index = None

    def close_remotes(self) -> None:
        """Their names may mean others from now on."""
        for remote in self.remotes.values():
            remote.close()
        self.remotes.clear()

    def _index_stem(self) -> str | None:
        """The start of the file's path: one for each repository, place and host, as SQLite's shared memory does not
        span hosts."""
        cache = self.cache
        if cache is None:
            return None
        where = values.digest.digest(os.fsencode(f"{self.identity.id}\n{self.location}\n{os.uname().nodename}"))
        return os.path.join(cache, "index", where[:32])


def has_journal(storage: Storage) -> bool:
    """Is there a repository, even one that has lost its config?"""
    return any(storage.stat(key) is not None for key in (APPLIED, journal_key(1)))


def _user() -> str:
    """The account's name according to the system (the environment is the caller's business)."""
    try:
        return lazy.pwd.getpwuid(os.getuid()).pw_name
    except (ImportError, KeyError):
        return f"uid{os.getuid()}"
