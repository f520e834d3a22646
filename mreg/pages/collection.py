"""An artifact with its versions, and a registered model with its links."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any, Final

from mreg.operations.metrics import Metrics
from mreg.pages import graph
from mreg.pages.chart import chart
from mreg.pages.compare import compare
from mreg.pages.facts import Facts, Move, VersionFacts
from mreg.pages.markdown import markdown
from mreg.pages.markup import Content, Markup, cut, element, moment
from mreg.pages.site import PER_PAGE, Site, anchor
from mreg.pages.tables import Cell, command, pairs, table
from mreg.pages.version import version
from mreg.values.entities import Artifact, Model
from mreg.values.front_matter import front_matter
from mreg.values.words import count_text, size_text, value_text

CHARTS: Final = 40
"""Metrics of a collection that are drawn."""

COLUMNS: Final = 4
"""Metrics in the table of versions."""

_WithOlder = tuple[VersionFacts, VersionFacts | None]
"""A version, and the live version before it."""


def artifact_pages(facts: Facts, one: Artifact, site: Site) -> list[tuple[str, Markup]]:
    """Each page with its file name; all versions on one where there is only one page."""
    versions = facts.versions[one.name][::-1]
    step = len(versions) if site.single else PER_PAGE
    starts = range(0, len(versions), step) if versions else [0]
    found = facts.metrics.get(one.name)
    at = {name: place for place, name in enumerate(found.versions)} if found else {}
    pages = []
    for number, start in enumerate(starts):
        here = site.page("artifact", one.name, number)
        first = _artifact_head(facts, one, site, here) if number == 0 else element("h2", f"artifact {one.name}")
        shown = versions[start : start + step]
        with_older = list(zip_longest(shown, versions[start + 1 : start + 1 + len(shown)]))
        turn = _turn(one.name, number, len(starts), site)
        pages.append((here, element("section", [first, turn, _versions(facts, one, with_older, at, site, here), turn])))
    return pages


def model(facts: Facts, one: Model, site: Site, here: str) -> Markup:
    card = front_matter(one.card)
    fields = [(cut(key), cut(value_text(value))) for key, value in card.fields.items() if key != "tags"]
    by_name = {each.version.name: each for versions in facts.versions.values() for each in versions}
    parts: list[Content] = [
        element("h2", ["registered model ", one.name], id=anchor("model", one.name)),
        pairs(
            [
                ("type", one.type),
                ("description", cut(one.description)),
                ("tags", ", ".join(one.tags)),
                ("changed", moment(one.changed) if one.changed else None),
                *fields,
            ]
        ),
        command(f"mreg use {one.name}:{next(iter(one.aliases), 'latest')}"),
        markdown(card.body) if card.body.strip() else None,
        _aliases(facts, one.name, one.aliases, site, here),
        _charts(facts.metrics.get(one.name)),
        element("h3", "Links"),
        _links(one, by_name, site, here),
    ]
    return element("section", parts)


def _artifact_head(facts: Facts, one: Artifact, site: Site, here: str) -> Content:
    versions = facts.versions[one.name]
    new = sum(each.sizes.new for each in versions)
    return [
        element("h2", ["artifact ", one.name], id=anchor("artifact", one.name)),
        pairs(
            [
                ("type", one.type),
                ("description", cut(one.description)),
                ("versions", f"{one.versions}, the latest {one.latest}" if one.latest else "none"),
                ("size", f"{size_text(sum(each.sizes.logical for each in versions))}, stored in {size_text(new)}"),
                ("changed", moment(one.changed) if one.changed else None),
            ]
        ),
        command(f"mreg use {one.name}:{next(iter(one.aliases), 'latest')}"),
        _aliases(facts, one.name, one.aliases, site, here),
        _charts(facts.metrics.get(one.name)),
        graph.lineage(facts, one.name, site, here),
        compare(one.name, versions),
    ]


def _turn(name: str, number: int, count: int, site: Site) -> Content:
    if count == 1:
        return None
    links: list[Content] = []
    for at in range(count):
        label = str(at + 1)
        links.append(
            element("strong", label) if at == number else element("a", label, href=f"{site.page('artifact', name, at)}")
        )
        links.append(" ")
    return element("nav", ["pages: ", links], aria_label=f"pages of {name}", class_="turn")


def _versions(
    facts: Facts, one: Artifact, shown: Sequence[_WithOlder], at: Mapping[str, int], site: Site, here: str
) -> Content:
    """at: the place of each version among the values of a metric."""
    found = facts.metrics.get(one.name)
    keys = [metric.key for metric in found.metrics[:COLUMNS]] if found else []
    columns = {metric.key: metric.values for metric in found.metrics[:COLUMNS]} if found else {}
    headings = [
        "version",
        "created",
        "aliases",
        *(key.removeprefix("metrics.") for key in keys),
        "size",
        "stored",
        "new",
        "author",
        "message",
    ]
    rows: list[list[Cell]] = []
    for each, _ in shown:
        ver, short = each.version, f"v{each.version.number}"
        numbers = [columns[key][at[short]] if short in at else None for key in keys]
        rows.append(
            [
                site.version(ver.name, here, short),
                moment(ver.created),
                [[element("span", alias, class_="alias"), " "] for alias in (*ver.aliases, *ver.model_aliases)],
                *[f"{number:.6g}" if number is not None else "" for number in numbers],
                (size_text(each.sizes.logical), each.sizes.logical),
                (size_text(each.sizes.stored), each.sizes.stored),
                (size_text(each.sizes.new), each.sizes.new),
                ver.author,
                cut(ver.message.partition("\n")[0]),
            ]
        )
    right = ["size", "stored", "new", *headings[3 : 3 + len(keys)]]
    details = [version(each, older, site, here) for each, older in shown]
    damaged = {name: why for name, why in facts.damaged.items() if name.rpartition(":")[0] == one.name}
    bad = [element("p", f"{name}: {why}", class_="bad") for name, why in damaged.items()]
    return [
        element("h3", "Versions"),
        *bad,
        table(headings, rows, numbers=right, caption=f"versions of {one.name}"),
        details,
    ]


def _links(one: Model, versions: Mapping[str, VersionFacts], site: Site, here: str) -> Markup:
    rows: list[list[Cell]] = []
    for link in one.links[::-1]:
        found = versions.get(link.version)
        rows.append(
            [
                f"v{link.number}",
                [[element("span", alias, class_="alias"), " "] for alias in link.aliases],
                site.version(link.version, here),
                moment(found.version.created) if found else "",
                (size_text(found.sizes.logical), found.sizes.logical) if found else "",
                cut(found.version.message.partition("\n")[0]) if found else "",
            ]
        )
    headings = ["link", "aliases", "version", "created", "size", "message"]
    return table(headings, rows, numbers=["size"], caption=f"links of {one.name}")


def _aliases(facts: Facts, name: str, aliases: Mapping[str, str], site: Site, here: str) -> Content:
    """Where each is, and where it was; those that are gone come last."""
    moves = {key.rpartition(":")[2]: found for key, found in facts.moves.items() if key.rpartition(":")[0] == name}
    everything = [*aliases, *sorted(moves.keys() - aliases.keys())]
    if not everything:
        return None
    items = []
    for alias in everything:
        now = aliases.get(alias)
        head = [element("span", alias, class_="alias"), f" {now}" if now else " (gone)"]
        rows = [_move(move) for move in moves.get(alias, ())]
        headings = ["when", "from", "to", "by", "why", "entry"]
        body = table(headings, rows, numbers=["entry"], caption=f"moves of {name}:{alias}")
        items.append(element("details", [element("summary", head), body]) if rows else element("p", head))
    return [element("h3", "Aliases"), items]


def _move(move: Move) -> list[Any]:
    entry, change = move
    new = [change.new or "none", f" ({change.version})" if change.new and change.version else None]
    return [moment(entry.time), change.old or "none", new, entry.who, cut(entry.message or ""), str(entry.seq)]


def _charts(found: Metrics | None) -> Content:
    if found is None or len(found.versions) < 2:
        return None
    charts = [chart(one.key, one.values, found.versions, found.aliases) for one in found.metrics[:CHARTS]]
    more = len(found.metrics) - CHARTS
    rest = element("p", f"and {count_text(more, 'more metric', 'more metrics')}") if more > 0 else None
    return [element("h3", "Metrics"), element("div", charts, class_="charts"), rest]
