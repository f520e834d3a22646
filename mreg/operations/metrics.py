"""`metrics`: the numbers in the metadata of versions, from version to version. As the tables of facts have them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from mreg.operations.resolve import require_kind
from mreg.operations.search import Search, Told, Wanted
from mreg.refs.keys import CollectionKind
from mreg.session.context import Context
from mreg.session.fact_queries import Query
from mreg.session.listing import listed_aliases, listed_links
from mreg.values import names
from mreg.values.directions import GROUP, MAX, direction_of
from mreg.values.errors import NotFound
from mreg.values.filters.filter import Filter
from mreg.values.named_tuple import NamedTuple

__all__ = ["Metric", "MetricValue", "Metrics"]

NUMBER, CREATED = "number", "created"
"""What versions may be drawn over, beside keys of metadata."""


class UnknownMetric(NotFound):
    code = "unknown-metric"
    template = "no version of {name!r} has a numeric value called {metric!r}"

    name: str
    metric: str


class MetricValue(NamedTuple):
    """A value, and the version (`vN`) that has it: of several, the first."""

    value: float
    version: str


class Metric(NamedTuple):
    """One key of metadata over versions. direction: `max`, `min`, or None where the setting metrics.direction says
    nothing of it; then there is no best. versions: how many have a number; nan: how many have NaN. values: one for each
    version, None where it has no number."""

    key: str
    direction: str | None
    versions: int
    nan: int
    first: MetricValue | None
    last: MetricValue | None
    smallest: MetricValue | None
    largest: MetricValue | None
    best: MetricValue | None
    values: tuple[float | None, ...]


class Metrics(NamedTuple):
    """Metrics of the versions of an artifact, or of those linked in a registered model, by number, or in the order of
    `x`. versions: `vN` of each. aliases: those of the collection, each with its version. x: "number", "created", or a
    key of metadata. at: where each version is on that axis (created: seconds since 1970); empty for "number".
    left_out: how many versions have no place on it."""

    name: str
    versions: tuple[str, ...]
    aliases: dict[str, str]
    metrics: tuple[Metric, ...]
    x: str = NUMBER
    at: tuple[float, ...] = ()
    left_out: int = 0


def metrics(
    context: Context,
    name: str,
    keys: Sequence[str] = (),
    *,
    where: tuple[Filter, ...] = (),
    last: int | None = None,
    x: str = NUMBER,
    told: Told | None = None,
) -> Metrics:
    """See `Repository.metrics`. Raises UnknownName, UnknownMetric, UnknownKey."""
    name = names.check_name(name)
    search = Search(context, Wanted(where=where, within=(name,)), told)
    kind = require_kind(context, search.view, name)
    rules: list[str] = context.setting("metrics.direction", search.view)
    if kind is CollectionKind.MODEL:
        links = listed_links(search.index, name)
        places = {target.version: link.number for link, target in links.items()}
    else:
        places = {}

    def read(query: Query) -> Metrics:
        every_key = _numeric_keys(query, search) if where else []
        query.narrowed(search.condition(query))
        numeric = every_key or query.numeric_keys()
        rows = [(places.get(one, number), id) for id, one, number in query.numbered(None if places else last)]
        rows = sorted(rows)[-last if last else 0 :]
        if last:
            query.narrowed_to(id for _, id in rows)
        axis, at_x = x, dict[int, float]()
        if x == CREATED:
            at_x = dict(query.created())
        elif x != NUMBER:
            axis = _known(x, numeric, name)
            at_x = {id: value for id, value in query.numbers_of(axis) if math.isfinite(value)}
        count = len(rows)
        if axis != NUMBER:
            rows = sorted((row for row in rows if row[1] in at_x), key=lambda row: at_x[row[1]])
        wanted = [_known(key, numeric, name) for key in keys] if keys else numeric
        at = {id: place for place, (_, id) in enumerate(rows)}
        numbers = [number for number, _ in rows]
        every = [_metric(key, query.numbers_of(key), at, numbers, rules) for key in wanted]
        return Metrics(
            name,
            tuple(f"v{number}" for number in numbers),
            {key.alias: f"v{number}" for key, number in listed_aliases(search.index, name).items()},
            tuple(one for one in every if keys or one.versions or one.nan),
            axis,
            tuple(at_x[id] for _, id in rows) if axis != NUMBER else (),
            count - len(rows),
        )

    return search.ask(read)


def _numeric_keys(query: Query, search: Search) -> list[str]:
    """The keys that are numbers for some version of the collection, whether or not the filter matches it."""
    query.narrowed(search.within(query))
    return query.numeric_keys()


def _known(key: str, numeric: Sequence[str], name: str) -> str:
    """The key that is meant: `acc` is short for `metrics.acc`."""
    for one in (key, GROUP + key):
        if one in numeric:
            return one
    of_a_group = [one for one in numeric if one.endswith(f".{key}")]
    near = of_a_group or names.near(key, [*numeric, *(one.removeprefix(GROUP) for one in numeric)])
    raise UnknownMetric(name=name, metric=key, near=near)


def _metric(
    key: str, found: Sequence[tuple[int, float]], at: dict[int, int], numbers: Sequence[int], rules: Sequence[str]
) -> Metric:
    """found: the values, by the ids of versions. at: the place of each id."""
    values: list[float | None] = [None] * len(numbers)
    for id, value in found:
        if id in at:
            values[at[id]] = value
    known = [(value, place) for place, value in enumerate(values) if value is not None and not math.isnan(value)]

    def told(one: tuple[float, int]) -> MetricValue:
        return MetricValue(one[0], f"v{numbers[one[1]]}")

    direction = direction_of(key, rules)
    nan = sum(value is not None and math.isnan(value) for value in values)
    if not known:
        return Metric(key, direction, 0, nan, None, None, None, None, None, tuple(values))
    smallest, largest = told(min(known)), told(max(known, key=lambda one: (one[0], -one[1])))
    best = None if direction is None else largest if direction == MAX else smallest
    return Metric(
        key, direction, len(known), nan, told(known[0]), told(known[-1]), smallest, largest, best, tuple(values)
    )
