"""What is to travel, and what goes along."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from mreg.values.errors import InvalidInput
from mreg.values.filters.filter import Filter
from mreg.values.named_tuple import NamedTuple
from mreg.values.names import check_alias, check_name

_VERBS: Final = {"pull": "fetch", "clone": "fetch", "bundle": "write"}


class NothingChosen(InvalidInput):
    code = "nothing-chosen"
    template = "there is nothing to {verb}: {reason}"

    verb: str
    reason: str


class Request(NamedTuple):
    """references: of versions; with `every` or `where` also names of collections, and none means all.

    every: all versions. where: those that match all of these. aliases: those of the chosen versions to take along;
    every_alias: all of them. links: the links of the chosen versions in registered models. tags, cards: of these
    models. renumber: give versions whose numbers are taken the next free ones. restore: bring back what was deleted
    there. names: what collections are to be called there. doubt: the source is another's, so what it says of how files
    are put together is tried. collections: also artifacts without a version, and registered models without a link.
    command: for the history.
    """

    references: tuple[str, ...] = ()
    every: bool = False
    where: tuple[Filter, ...] = ()
    aliases: tuple[str, ...] = ()
    every_alias: bool = False
    links: bool = False
    tags: bool = False
    cards: bool = False
    renumber: bool = False
    restore: bool = False
    names: Mapping[str, str] = MappingProxyType({})
    dry_run: bool = False
    doubt: bool = False
    collections: bool = False
    command: str = "push"

    def checked(self) -> Request:
        """With names in their canonical form. Raises NothingChosen, InvalidName."""
        if not (self.references or self.every or self.where):
            raise NothingChosen(verb=self.verb, reason="no version is named")
        if (self.tags or self.cards) and not self.links:
            reason = "tags and cards belong to registered models, which are transferred with their links"
            raise NothingChosen(verb=self.verb, reason=reason)
        return self._replace(
            aliases=tuple(map(check_alias, self.aliases)),
            names={check_name(old): check_name(new) for old, new in self.names.items()},
        )

    @property
    def verb(self) -> str:
        """What is done with versions, for messages."""
        return _VERBS.get(self.command.partition(" ")[0], "send")

    @property
    def fetches(self) -> bool:
        """Do versions come from elsewhere to the user's own repository?"""
        return self.verb == _VERBS["pull"]

    def called(self, name: str) -> str:
        """What the collection is called on the other side."""
        return self.names.get(name, name)


def everything(command: str) -> Request:
    """All versions, with all that can go along."""
    return Request(every=True, every_alias=True, links=True, tags=True, cards=True, doubt=True, command=command)
