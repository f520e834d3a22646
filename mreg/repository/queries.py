"""Questions to all versions at once: search, metrics, history, the past."""

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
    """What can be asked of all versions at once."""

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
        """Registered models, artifacts and versions in which the text stands; with `tags`, models and
        versions that have all of them.

        With `where`, `sort`, `limit` or `within`, versions only: those that match the filter (docs/filters.md), or all
        of several. sort: keys, each with a minus before it for descending order; versions without the key come last.
        Else they are in the order of their names. limit: at most so many. within: artifacts and registered models.
        told: is told how many refs have to be read, where any have: the first search reads all. total: is told how many
        match, whatever the limit; of those beyond it a thousand are counted at least.
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
        """How many versions `search` would find."""
        context, names = self._among(within)
        return operations.search.count(context, wanted(text, where, (), None, names), told)

    def left_out(
        self,
        text: str = "",
        *,
        where: str | Filter | Sequence[str | Filter],
        within: str | Sequence[str] = (),
    ) -> list[LeftOut]:
        """What `!=` and the other negated tests of the filter leave out, as the key is not there."""
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
        """The versions that have all the bytes of a file, or of every file in a folder, under whatever names."""
        context, names = self._among(within)
        return operations.search.holding(context, os.fspath(path), wanted("", where, (), limit, names), told)

    def choose(
        self, reference: str, *, where: str | Filter | Sequence[str | Filter], sort: str | Sequence[str] = ()
    ) -> Resolved:
        """With a selector, the version meant, if the filter matches it. Of a name alone, the first version that the
        filter matches, in the order asked for, else the latest. Raises an Unmet where there is none."""
        these = wanted("", where, sort, None, ())
        context, name = self._at(reference)
        found = operations.search.choose(context, name, these.where, these.sort)
        return found._replace(remote=split_remote(reference)[0])

    def noted(self, reference: str | None = None, *, within: bool = True) -> dict[str, Noted]:
        """The properties of each thing, and when it was changed last, by its name: `NAME` of collections, `NAME:vN` of
        versions and links. reference: only of what it means, a collection with all that is in it. within: false leaves
        out what is in collections. One look at the tables, however many there are."""
        context, name = self._at(reference) if reference else (self._context, None)
        return operations.noted.noted(context, name, within)

    def metadata_keys(
        self, *, within: str | Sequence[str] = (), told: Callable[[int], None] | None = None
    ) -> list[KeyFigures]:
        """The keys of metadata in use, with the types and ranges of their values."""
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
        """The numbers in the metadata of the versions of an artifact, or of those linked in a registered model, in the
        order of their numbers. keys: `metrics.acc`, or `acc` for short; none: all that are numbers. where: only
        versions that match. last: only so many, the newest. x: in which order: "number", "created" (the time), or a
        key that is a number, such as `params.step`; versions without it are left out. told: as for `search`."""
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
        """Committed changes, oldest first, at most the last `limit`. name: only those that concern this collection, or
        the alias `NAME:ALIAS`. since, until: the number of an entry (after it; up to it), a time, an age such as `2h`,
        or a date, which is meant as a whole. author: only those of this account. action: only those by commands that
        begin so, such as `log` or `alias set`."""
        context, name = self._at(name) if name else (self._context, None)
        wanted = operations.history.Wanted(name or None, since, until, author, action)
        return operations.history.history(context, wanted, limit=limit)

    def html(self, out: str | os.PathLike[str], *, title: str | None = None) -> Written:
        """Write the repository as pages for a browser: registered models, artifacts, versions with their metadata,
        files and tensors, metrics as charts, lineage, and the journal. A page needs no server, loads nothing, and can
        be read without its script. The same repository gives the same bytes.

        out: a file, where it ends in `.html`, with everything on one page; else a folder of pages. What is there is
        replaced if mreg wrote it, else refused (NotOurs), as is a place in a repository (UnsafeDestination). title: of
        the pages.
        """
        return pages.report.write(self._context, os.fspath(out), title or "Model registry")

    def at(self, when: int | str | datetime) -> Moment:
        """The repository as it was: after an entry of that number, or after the last entry that bears no later time
        than `when`: a time, an age such as `2h`, or a date, which is meant to its end. Reads the journal; what it
        answers does not change any more. Raises UnknownSequence, InvalidTime."""
        return operations.past.Moment(self._context, when)
