"""Numbers that are given before there is anything to bear them."""

from __future__ import annotations

from mreg.refs.keys import CollectionKey, CollectionKind, LinkKey, VersionKey, numbered
from mreg.refs.rules import reserved
from mreg.refs.transaction import Draft
from mreg.refs.view import View
from mreg.values.errors import InvalidInput, Refused
from mreg.values.ref_texts import Reserved

MOST = 1000


class InvalidFirst(InvalidInput):
    code = "invalid-first"
    template = "the first number must be between 0 and {most}, not {first}"

    first: int
    most: int


class NumbersGiven(Refused):
    code = "numbers-given"
    template = "the numbers of {name!r} cannot start at {first}: v{number} was already given"

    name: str
    first: int
    number: int


def check_first(first: int) -> int:
    """Raises InvalidFirst."""
    if not 0 <= first <= MOST:
        raise InvalidFirst(first=first, most=MOST)
    return first


def count_from(draft: Draft, collection: CollectionKey, first: int) -> None:
    """Draft that the first number of the collection is `first`: those below never mean anything. Raises NumbersGiven
    where one of them, or a later one but not `first`, was given."""
    view, given = draft.view, _next(draft.view, collection)
    for number in range(min(given, first)):
        if reserved(numbered(collection, number), view.ref(numbered(collection, number)).last) != Reserved(None):
            raise NumbersGiven(name=collection.name, first=first, number=number)
    for number in range(given, first):
        draft.bury(numbered(collection, number), str(Reserved(None)))


def reserve(draft: Draft, key: VersionKey | LinkKey, digest: str) -> None:
    """Draft that the number means nothing but the version record of this digest, which may come later. All numbers
    below were given."""
    draft.bury(key, str(Reserved(digest)))


def _next(view: View, collection: CollectionKey) -> int:
    if collection.kind is CollectionKind.ARTIFACT:
        return view.next_number(collection.name)
    return view.next_link(collection.name)
