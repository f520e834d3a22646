"""Queries across all versions: search, metrics, history, the past."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, overload

from mreg import operations, pages
from mreg.operations.resolve import Resolved
from mreg.repository.given import texts, wanted
from mreg.repository.opening import Opened
from mreg.values.names import split_remote

if TYPE_CHECKING:
    from datetime import datetime

    from mreg.operations.metrics import Metrics
    from mreg.operations.past import Moment
    from mreg.pages.report import Written
    from mreg.values.entities import Artifact, HistoryEntry, KeyFigures, LeftOut, Model, Noted, Version
    from mreg.values.filters.filter import Filter


class Queries(Opened):
    """Methods that query all versions."""

    @overload
    def search(
        self, text: str = "", *, tags: Sequence[str] = ()
    ) -> tuple[list[Model], list[Artifact], list[Version]]: ...

    @overload
    def search(
        self,
        text: str = "",
        *,
        tags: Sequence[str] = (),
        where: str | Filter | Sequence[str | Filter] | None = None,
        sort: str | Sequence[str] = (),
        limit: int | None = None,
        within: str | Sequence[str] = (),
        told: Callable[[int], None] | None = None,
        total: Callable[[int], None] | None = None,
    ) -> list[Version]: ...

    def search(
        self,
        text: str = "",
        *,
        tags: Sequence[str] = (),
        where: str | Filter | Sequence[str | Filter] | None = None,
        sort: str | Sequence[str] = (),
        limit: int | None = None,
        within: str | Sequence[str] = (),
        told: Callable[[int], None] | None = None,
        total: Callable[[int], None] | None = None,
    ) -> tuple[list[Model], list[Artifact], list[Version]] | list[Version]:
        """Find registered models, artifacts and versions that contain `text` (case-insensitive). tags: only models and
        versions with all of these tags.

        With any of `where`, `sort`, `limit` and `within`, the result is a list of versions only.

        where: a filter (docs/filters.md), or several that must all match.
        sort: keys; a minus before a key means descending. Versions without the key come last. Default: by name.
        limit: the maximum number of versions.
        within: names of artifacts and registered models to search.
        told: called with the number of refs to be read, if there are any: the first search reads all of them.
        total: called with the number of matches regardless of `limit`; beyond the limit, counting may stop after a
            thousand.

        Raises InvalidFilter, InvalidSort, UnknownKey, UnknownName, SeveralRepositories.
        """
        if where is None and not sort and limit is None and not within:
            return operations.search.everything(self._context, text, list(texts(tags)))
        context, names = self._among(within)
        found = wanted(text, () if where is None else where, sort, limit, names)
        return operations.search.find(context, found.tagged(texts(tags)), told, total)

    def count(
        self,
        text: str = "",
        *,
        where: str | Filter | Sequence[str | Filter] = (),
        within: str | Sequence[str] = (),
        told: Callable[[int], None] | None = None,
    ) -> int:
        """Return the number of versions that `search` would find."""
        context, names = self._among(within)
        return operations.search.count(context, wanted(text, where, (), None, names), told)

    def left_out(
        self,
        text: str = "",
        *,
        where: str | Filter | Sequence[str | Filter],
        within: str | Sequence[str] = (),
    ) -> list[LeftOut]:
        """Return, for each key, how many versions `!=` and other negated tests of the filter leave out only because
        they lack the key."""
        context, names = self._among(within)
        return operations.search.left_out(context, wanted(text, where, (), None, names))

    def holding(
        self,
        path: str | os.PathLike[str],
        *,
        where: str | Filter | Sequence[str | Filter] = (),
        within: str | Sequence[str] = (),
        limit: int | None = None,
        told: Callable[[int], None] | None = None,
    ) -> list[Version]:
        """Find the versions that contain the bytes of a file, or of every file in a folder, under any names. where,
        within, limit, told: see `search`. Raises MissingPath."""
        context, names = self._among(within)
        return operations.search.holding(context, os.fspath(path), wanted("", where, (), limit, names), told)

    def choose(
        self, reference: str, *, where: str | Filter | Sequence[str | Filter], sort: str | Sequence[str] = ()
    ) -> Resolved:
        """Select one version. If the reference has a selector, return that version if it matches `where`. For a name
        alone, return the first match in the order `sort`, by default the latest. Raises NoMatch (an Unmet) if there is
        none, UnknownKey."""
        these = wanted("", where, sort, None, ())
        context, name = self._at(reference)
        found = operations.search.choose(context, name, these.where, these.sort)
        return found._replace(remote=split_remote(reference)[0])

    def noted(self, reference: str | None = None, *, within: bool = True) -> dict[str, Noted]:
        """Return the properties and the time of the last change, by name: `NAME` for collections, `NAME:vN` for
        versions and links. reference: only what it selects; a collection includes its contents. within: false excludes
        the contents of collections. This is a single query of the lookup tables."""
        context, name = self._at(reference) if reference else (self._context, None)
        return operations.noted.noted(context, name, within)

    def metadata_keys(
        self, *, within: str | Sequence[str] = (), told: Callable[[int], None] | None = None
    ) -> list[KeyFigures]:
        """Return the metadata keys in use, with the types and ranges of their values. within, told: see `search`."""
        return operations.search.key_figures(*self._among(within), told)

    def metrics(
        self,
        name: str,
        keys: str | Sequence[str] = (),
        *,
        where: str | Filter | Sequence[str | Filter] = (),
        last: int | None = None,
        x: str = "number",
        told: Callable[[int], None] | None = None,
    ) -> Metrics:
        """Return the numbers in the metadata of an artifact's versions, or of the versions linked in a registered
        model.

        keys: such as `metrics.acc`, or `acc` for short; default: all keys with numeric values.
        where: only versions that match (see `search`).
        last: only the newest `last` versions.
        x: the order: "number", "created" (time), or a numeric key such as `params.step`; versions without it are left
            out.
        told: see `search`.

        Raises UnknownName, UnknownMetric, UnknownKey.
        """
        filters = wanted("", where, (), None, ()).where
        context, name = self._at(name)
        return operations.metrics.metrics(context, name, texts(keys), where=filters, last=last, x=x, told=told)

    def history(
        self,
        name: str | None = None,
        *,
        since: int | str | datetime = 0,
        until: int | str | datetime | None = None,
        author: str | None = None,
        action: str | None = None,
        limit: int | None = None,
    ) -> list[HistoryEntry]:
        """Return committed changes, oldest first.

        name: only changes of this collection, or of the alias `NAME:ALIAS`.
        since, until: the number of an entry (after it; up to and including it), a time, an age such as `2h`, or a date,
            which includes the whole day.
        author: only changes by this author.
        action: only changes by commands that begin with this, such as `log` or `alias set`.
        limit: only the newest `limit` changes.

        Raises UnknownName, UnknownAlias, UnknownSequence, InvalidTime, UnknownAction.
        """
        context, name = self._at(name) if name else (self._context, None)
        wanted = operations.history.Wanted(name or None, since, until, author, action)
        return operations.history.history(context, wanted, limit=limit)

    def html(self, out: str | os.PathLike[str], *, title: str | None = None) -> Written:
        """Write the repository as static HTML pages: registered models, artifacts, versions with metadata, files and
        tensors, metrics as charts, lineage, and the journal. Pages need no server, load nothing from elsewhere, and are
        readable without scripts. The same repository gives the same bytes.

        out: if it ends in `.html`, a file with everything on a single page; otherwise a folder of pages. Existing files
        are replaced if mreg wrote them, otherwise refused (NotOurs), as is a place inside a repository
        (UnsafeDestination). title: the title of the pages.
        """
        return pages.report.write(self._context, os.fspath(out), title or "Model registry")

    def at(self, when: int | str | datetime) -> Moment:
        """Return the repository as it was: after the journal entry of that number, or at a time, an age such as `2h`,
        or the end of a date. Reads the journal. The result is immutable. Raises UnknownSequence, InvalidTime."""
        return operations.past.Moment(self._context, when)
