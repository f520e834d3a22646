"""The first page: what there is; and the journal: what happened."""

from __future__ import annotations

from collections.abc import Sequence

from mreg.pages.facts import Facts, VersionFacts
from mreg.pages.markup import Content, Markup, cut, element, moment
from mreg.pages.site import Site, anchor
from mreg.pages.tables import Cell, table
from mreg.values.change_rows import rows_of
from mreg.values.entities import HistoryEntry
from mreg.values.words import count_text, size_text

LATEST = 10
"""Changes on the first page."""


def overview(facts: Facts, title: str, site: Site, here: str) -> Markup:
    versions = sum(len(found) for found in facts.versions.values())
    new = sum(one.sizes.new for found in facts.versions.values() for one in found)
    counts = ", ".join(
        [
            count_text(len(facts.models), "registered model", "registered models"),
            count_text(len(facts.artifacts), "artifact", "artifacts"),
            count_text(versions, "version", "versions"),
            f"{size_text(new)} stored",
        ]
    )
    as_of = [
        f"As of entry {facts.head} of the journal",
        [", ", moment(facts.journal[0].time)] if facts.journal else None,
    ]
    parts: list[Content] = [
        element("h1", title),
        element("p", counts),
        element("p", [as_of, ", repository ", element("code", facts.id)]),
        [element("h2", "Registered models", id="models"), _models(facts, site, here)] if facts.models else None,
        [element("h2", "Artifacts", id="artifacts"), _artifacts(facts, site, here)] if facts.artifacts else None,
    ]
    if not site.single:
        latest = [element("h2", "Latest changes"), entries(facts.journal[:LATEST])]
        parts += [latest, element("p", element("a", "all changes", href=site.page("journal")))]
    return element("header", parts)


def journal(shown: Sequence[HistoryEntry]) -> Markup:
    return element("section", [element("h2", "Journal", id="journal"), entries(shown)])


def entries(shown: Sequence[HistoryEntry]) -> Markup:
    rows: list[list[Cell]] = [
        [
            str(entry.seq),
            moment(entry.time),
            entry.who,
            [cut(entry.command.partition(" -")[0]), [": ", cut(entry.message)] if entry.message else None],
            element("ul", [element("li", [cut(what), " ", cut(how)]) for what, how in rows_of(entry.changes)]),
        ]
        for entry in shown
    ]
    return table(["entry", "when", "who", "what", "changes"], rows, numbers=["entry"], caption="journal")


def _models(facts: Facts, site: Site, here: str) -> Markup:
    rows: list[list[Cell]] = [
        [
            site.link(anchor("model", one.name), one.name, here),
            one.type,
            _pointers(one.aliases),
            str(len(one.links)),
            ", ".join(one.tags),
            moment(one.changed) if one.changed else "",
            cut(one.description.partition("\n")[0]),
        ]
        for one in facts.models
    ]
    headings = ["name", "type", "aliases", "links", "tags", "changed", "description"]
    return table(headings, rows, numbers=["links"], caption="registered models")


def _artifacts(facts: Facts, site: Site, here: str) -> Content:
    rows: list[list[Cell]] = [
        [
            site.link(anchor("artifact", one.name), one.name, here),
            one.type,
            _pointers(one.aliases),
            str(one.versions),
            one.latest or "",
            *_sizes(facts.versions[one.name]),
            moment(one.changed) if one.changed else "",
            cut(one.description.partition("\n")[0]),
        ]
        for one in facts.artifacts
    ]
    headings = ["name", "type", "aliases", "versions", "latest", "size", "stored", "new", "changed", "description"]
    words = "Size: of all versions. Stored: what they take together. New: what the latest one added to that."
    return [table(headings, rows, numbers=["versions", *headings[5:8]], caption="artifacts"), element("p", words)]


def _sizes(versions: Sequence[VersionFacts]) -> list[Cell]:
    if not versions:
        return ["", "", ""]
    numbers = [
        sum(one.sizes.logical for one in versions),
        sum(one.sizes.new for one in versions),
        versions[-1].sizes.new,
    ]
    return [(size_text(number), number) for number in numbers]


def _pointers(aliases: dict[str, str]) -> Content:
    return [[element("span", alias, class_="alias"), f" {version} "] for alias, version in aliases.items()]
