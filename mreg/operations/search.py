"""Which versions match a filter: asked of the tables, and answered from the records."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from mreg import intake
from mreg.operations.described import artifact_type, load
from mreg.operations.query import artifacts, describe_many, load_records, models
from mreg.operations.resolve import Resolved, require_kind, resolve
from mreg.refs import properties
from mreg.refs.keys import CollectionKind
from mreg.session.context import Context
from mreg.session.fact_conditions import EVERY, FIRST, Condition, Held, both, fits_statement
from mreg.session.fact_queries import Order, Query, can_be_best
from mreg.session.facts import Records, folded, words_of
from mreg.session.index import Index
from mreg.session.listing import all_listed_links, listed_aliases, listed_card, listed_collections, listed_links
from mreg.values import names
from mreg.values.canonical import is_unicode
from mreg.values.card import CardFacts
from mreg.values.entities import Artifact, KeyFigures, LeftOut, Model, Version
from mreg.values.errors import InvalidInput, Unmet
from mreg.values.filters import MOST_COUNTED
from mreg.values.filters.errors import UnknownKey
from mreg.values.filters.filter import Filter
from mreg.values.filters.meaning import positive
from mreg.values.filters.tokens import tokens as scanned
from mreg.values.filters.tree import FIELDS, Key, Not, Test, Value, replaced, tests
from mreg.values.metadata import flatten
from mreg.values.named_tuple import NamedTuple

_T = TypeVar("_T")

Told = Callable[[int], None]
"""Is told how many versions the tables have to read first."""


class InvalidSort(InvalidInput):
    code = "invalid-sort"
    template = "cannot sort by {key!r}: {reason}"

    key: str
    reason: str


class NoMatch(Unmet):
    code = "no-match"
    template = "{what} matches the condition: {where}"

    what: str
    where: str


class Wanted(NamedTuple):
    """text: to be found in message, run, aliases or metadata. where: all of these hold. sort: keys, each with a minus
    for descending. within: artifacts and registered models; none: everywhere."""

    where: tuple[Filter, ...] = ()
    text: str = ""
    sort: tuple[str, ...] = ()
    limit: int | None = None
    within: tuple[str, ...] = ()

    def tagged(self, tags: Iterable[str]) -> Wanted:
        """The same of the versions that have all these tags."""
        filters = (Filter(str(Test(Key("tag", True), "=", (Value("text", tag),)))) for tag in tags)
        return self._replace(where=(*self.where, *filters))


def find(
    context: Context, wanted: Wanted, told: Told | None = None, total: Callable[[int], None] | None = None
) -> list[Version]:
    """The versions, in the order asked for, else by artifact and number. total: is told how many there are, whatever
    the limit, or some number more than MOST_COUNTED beyond it. Raises UnknownKey, InvalidSort, UnknownName, Damaged."""
    if not is_unicode(wanted.text):  # nothing that is kept holds such a text
        return []
    for attempt in range(3):
        search = Search(context, wanted, told, counts=total is not None and wanted.limit is not None)
        versions = describe_many(context, search.index, search.ask(search.rows))
        right = [one for one in versions if search.matches(one)]
        if len(right) == len(versions) or not search.is_exact:
            break
        if attempt == 1:  # the tables say what the records do not, and nobody has just moved something
            search.index.start_anew(search.view.look)
    if total:
        total(len(right) if search.total is None else search.total)
    return right[: wanted.limit]


def count(context: Context, wanted: Wanted, told: Told | None = None) -> int:
    """How many versions there are, as the tables have it."""
    search = Search(context, wanted, told)
    if not search.is_exact or not is_unicode(wanted.text):
        return len(find(context, wanted, told))
    return int(search.ask(lambda query: query.count(search.condition(query))))


def left_out(context: Context, wanted: Wanted) -> list[LeftOut]:
    """For each negated test of a key (`!=`), the versions that do not match only because they have no such key: how
    many there are, and the test that takes them too."""
    negated = [(one, test) for one in wanted.where for test in tests(one.tree) if _is_of_key(test)]
    now = count(context, wanted) if negated else 0
    found = []
    for one, test in negated:
        op, _ = positive(test.op)
        instead = Not(test._replace(op=op))
        where = tuple(
            Filter(str(replaced(other.tree, test, instead))) if other is one else other for other in wanted.where
        )
        more = count(context, wanted._replace(where=where)) - now
        if more > 0:
            found.append(LeftOut(test.key.name, more, str(instead)))
    return found


def _is_of_key(test: Test) -> bool:
    return not test.key.field and positive(test.op)[1]


def key_figures(context: Context, within: Sequence[str] = (), told: Told | None = None) -> list[KeyFigures]:
    """The keys of metadata, as the tables have it."""
    search = Search(context, Wanted(within=tuple(within)), told)
    rows = search.ask(lambda query: query.key_figures(search.condition(query)))
    return [_figures(*row) for row in rows]


def holding(context: Context, path: str, wanted: Wanted, told: Told | None = None) -> list[Version]:
    """Those of the versions that have all bytes of the file, or of every file in the folder, under whatever names.
    Raises MissingPath, UnreadableFile, SourceChanged, Damaged."""
    sources = intake.scan.scan([path]).sources
    digests = intake.hashing.digests_of(context.index, sources)
    bytes_of = {digest: one.status.st_size for digest, one in zip(digests, sources, strict=True)}
    large = Filter(f"size >= {sum(bytes_of.values())}")
    candidates = find(context, wanted._replace(where=(*wanted.where, large), limit=None), told)
    has: dict[str, bool] = {}
    for manifest in {one.manifest for one in candidates}:
        has[manifest] = bytes_of.keys() <= {file.digest for file in context.objects.manifest(manifest).files}
    return [one for one in candidates if has[one.manifest]][: wanted.limit]


def choose(context: Context, reference: str, filters: Sequence[Filter], sort: Sequence[str]) -> Resolved:
    """With a selector, the version meant, on condition that the filters match it. Of a name alone, the first version
    that they match, in the order asked for, else the latest. Raises NoMatch, UnknownKey."""
    wanted = names.parse_reference(reference)
    if ":" in reference:
        if sort:
            raise InvalidSort(key=sort[0], reason="the reference selects a single version")
        view = context.view()
        resolved = resolve(context, wanted, view)
        version = load(context, view, resolved)
        keys = {test.key.name for one in filters for test in tests(one.tree) if not test.key.field}
        if not keys <= flatten(version.metadata).keys():  # one may be mistyped, and then the condition says nothing
            count(context, Wanted(tuple(filters), within=(wanted.name,)))
        now = datetime.now(UTC)
        if not all(one.matches(version, now=now) for one in filters):
            raise NoMatch(what=f"{resolved.name} is not a version that", where=_all_of(filters))
        return resolved
    found = find(context, Wanted(tuple(filters), sort=tuple(sort or ("-number",)), limit=1, within=(wanted.name,)))
    if not found:
        raise NoMatch(what=f"no version of {wanted.name}", where=_all_of(filters))
    return Resolved(found[0].artifact, found[0].number, found[0].digest)


def _all_of(filters: Sequence[Filter]) -> str:
    return " and ".join(f"({one.text})" if len(filters) > 1 else one.text for one in filters)


def everything(context: Context, text: str, tags: list[str]) -> tuple[list[Model], list[Artifact], list[Version]]:
    """Models, artifacts and versions that contain `text` (in name, description, card, tag, alias, message or
    metadata; case-insensitive). tags: only models and versions that have all of them; a version also has those of the
    models that link it. With neither text nor tags no versions are found."""
    needle = text.casefold()
    wanted = set(map(names.composed, tags))
    found_models = [
        one
        for one in models(context)
        if wanted <= {*one.tags} and _stands_in(needle, [one.name, one.description, one.card, *one.tags, *one.aliases])
    ]
    if wanted:
        return found_models, [], find(context, Wanted(text=text).tagged(tags))
    every = artifacts(context)
    found_artifacts = [one for one in every if _stands_in(needle, [one.name, one.description, one.type, *one.aliases])]
    if not needle:
        return found_models, found_artifacts, []
    return found_models, found_artifacts, find(context, Wanted(text=text))


def _stands_in(needle: str, words: Iterable[str]) -> bool:
    return any(needle in word.casefold() for word in words)


class Search:
    """A search in the tables. is_exact: whether one statement says all that is wanted; else the versions it gives are a
    superset. total: how many versions the tables have beyond the limit too, if it `counts` them."""

    def __init__(self, context: Context, wanted: Wanted, told: Told | None, *, counts: bool = False) -> None:
        self.total: int | None = None
        self._counts = counts
        self._context = context
        self._wanted = wanted
        self._told = told
        self._now = datetime.now(UTC)
        self._order = [_order(key) for key in wanted.sort]
        self.is_exact = all(fits_statement(one.tree) for one in wanted.where) and not {"\n", "\0"} & {*wanted.text}
        self.view = context.view()
        self.index = context.tables(self.view.look)

    def ask(self, question: Callable[[Query], _T]) -> _T:
        """The answer of the tables, which are brought up to date first."""
        records = Records(
            lambda digests: load_records(self._context, self.index, digests), self._told or (lambda _: None)
        )
        return self.index.asked(records, lambda db: question(Query(db, lambda: held(self.index), self._types)))

    def rows(self, query: Query) -> list[Resolved]:
        where = self.condition(query)
        self._check_order(query)
        limit = self._wanted.limit if self.is_exact else None
        counts = self._counts and self.is_exact
        if (
            limit
            and limit * 10 <= FIRST
            and self._order
            and can_be_best(self._order[0].key)
            and not self._is_small(query)
        ):
            bounds = query.conditions.bounds(self._wanted.where, self._order[0].key)
            best = query.best(self._condition(query, few=True, text_last=True), self._order, limit, bounds)
            if best is not None:
                self.total = query.count(where, limit + MOST_COUNTED + 1) if counts else None
                return [Resolved(*row) for row in best]
        if counts:
            where = query.narrowed(where)
            self.total = query.count(where)
        return [Resolved(*row) for row in query.find(where, self._order, limit)]

    def condition(self, query: Query) -> Condition:
        """All that is wanted, as SQL. Raises UnknownKey."""
        within = self.within(query)
        for one in self._wanted.where:
            self._check_keys(query, one, within)
        return self._condition(query, few=self._are_few(query))

    def _are_few(self, query: Query) -> bool:
        """Whether few versions are left to be looked at by the text or the collections that are searched."""
        return bool(self._wanted.text) or self._is_small(query)

    def _is_small(self, query: Query) -> bool:
        """Whether the collections that are searched have few versions."""
        return bool(self._wanted.within and query.count(self.within(query), FIRST + 1) <= FIRST)

    def _condition(self, query: Query, *, few: bool, text_last: bool = False) -> Condition:
        """few: as in `Conditions.of_filters`. text_last: whether this is so of the text too."""
        parts = [query.conditions.of_filters(self._wanted.where, self._now, few=few), self.within(query)]
        if self._wanted.text:
            needle = folded(self._wanted.text)
            named = [(one.artifact, one.number) for one in own_aliases(self.index) if needle in folded(one.word)]
            parts.append(query.conditions.of_text(needle, named, few=text_last))
        return both(*parts)

    def matches(self, version: Version) -> bool:
        """Whether it is wanted, judged by what its record says."""
        return mentions(version, self._wanted.text.casefold()) and all(
            one.matches(version, now=self._now) for one in self._wanted.where
        )

    def _types(self) -> dict[str, str]:
        found = listed_collections(self.index, CollectionKind.ARTIFACT)
        return {key.name: artifact_type(key.name, said) for key, said in found.items()}

    def within(self, query: Query) -> Condition:
        """Versions of the collections that are searched, as SQL."""
        if not self._wanted.within:
            return EVERY
        kinds = {name: require_kind(self._context, self.view, names.check_name(name)) for name in self._wanted.within}
        links = [
            (target.artifact, target.number)
            for name, kind in kinds.items()
            if kind is CollectionKind.MODEL
            for target in listed_links(self.index, name).values()
        ]
        return query.conditions.among([name for name, kind in kinds.items() if kind is CollectionKind.ARTIFACT], links)

    def _check_keys(self, query: Query, one: Filter, within: Condition) -> None:
        every = tests(one.tree)
        asked = {test.key for test in every if test.op == "has"}
        for key in dict.fromkeys(test.key for test in every):
            if key.field or query.is_known(key.name, within):
                continue
            near = names.near(key.name, query.keys())
            if key in asked and not any(names.is_slip(key.name, known) for known in near):
                continue  # `has` is the way to name a key that may be missing
            if query.count(within):  # else nothing is there that could have it
                at, length = one.place(key)
                raise UnknownKey(key=key.name, text=one.text, at=at, length=length, near=near)

    def _check_order(self, query: Query) -> None:
        within = self.within(query)
        for text, order in zip(self._wanted.sort, self._order, strict=True):
            key = order.key
            if not key.field and not query.is_known(key.name, within) and query.count(within):
                at = text.find(key.name)
                near = names.near(key.name, query.keys())
                raise UnknownKey(key=key.name, text=text, at=max(at, 0), length=len(key.name), near=near)


def _order(text: str) -> Order:
    spelt = text.removeprefix("-")
    tokens = scanned(spelt)
    if len(tokens) != 2 or tokens[0].kind != "key":
        raise InvalidSort(key=text, reason="it is not a key")
    key: Key = tokens[0].value
    if key.field and FIELDS[key.name] == "set":
        raise InvalidSort(key=text, reason="a set has no order")
    if key.field and key.name in ("kind", "type"):
        raise InvalidSort(key=text, reason="its order has no meaning: sort by another key")
    return Order(key, text.startswith("-"))


def held(index: Index) -> Iterator[Held]:
    """Aliases, tags, links and models of versions, and what the models' cards say."""
    yield from own_aliases(index)
    aliases: dict[tuple[str, int], list[str]] = {}
    for key, number in listed_aliases(index, None).items():
        aliases.setdefault((key.collection, number), []).append(key.alias)
    tags: dict[str, list[str]] = {}
    cards = {}
    for model, said in listed_collections(index, CollectionKind.MODEL).items():
        tags[model.name] = list(properties.read(model, said).get("tags", []))
        cards[model.name] = listed_card(index, model.name)
    for link, target in all_listed_links(index).items():
        to = (target.artifact, target.number)
        yield Held("link", link.link, *to)
        yield Held("model", link.model, *to)
        yield from (Held("tag", tag, *to) for tag in tags.get(link.model, ()))
        yield from (Held("license", one, *to) for one in cards.get(link.model, CardFacts()).licenses)
        yield from (Held("base_model", one, *to) for one in cards.get(link.model, CardFacts()).base_models)
        for alias in aliases.get((link.model, link.number), ()):
            yield Held("alias", alias, *to)
            yield Held("alias", f"{link.model}:{alias}", *to)


def own_aliases(index: Index) -> Iterator[Held]:
    """The aliases of artifacts."""
    models = {key.name for key in listed_collections(index, CollectionKind.MODEL)}
    for key, number in listed_aliases(index, None).items():
        if key.collection not in models:
            yield Held("alias", key.alias, key.collection, number)


def mentions(version: Version, needle: str) -> bool:
    """Whether the text, casefolded, stands in what is said of the version."""
    words = [*words_of(version.message, version.run, flatten(version.metadata)), *version.aliases]
    return _stands_in(needle, words)


def _figures(name: str, versions: int, *rest: Any) -> KeyFigures:
    *counts, low, high, first, last = rest
    kinds = [kind for kind, number in zip(("number", "text", "boolean", "nan", "other"), counts, strict=True) if number]
    smallest, largest = (first, last) if low is None else (low, high)
    return KeyFigures(name, tuple(kinds), versions, smallest, largest)
