"""The lineage of an artifact's versions as a drawing: what they were made from, on the left, and what was made from
them, on the right."""

from __future__ import annotations

from typing import Final

from mreg.pages.facts import Facts, VersionFacts
from mreg.pages.markup import Content, Markup, element, text
from mreg.pages.site import Site
from mreg.values.named_tuple import NamedTuple

MOST: Final = 60
"""Versions that are drawn: the newest with lineage, and their neighbours."""

BOX: Final = (170, 24)
GAP: Final = (60, 10)
LETTERS: Final = 24


class _Edge(NamedTuple):
    """From an input to what was made from it, by name."""

    start: str
    end: str


def lineage(facts: Facts, artifact: str, site: Site, here: str) -> Content:
    """Nothing where no version of the artifact was made from another, or the other way round."""
    edges = _edges(facts, artifact)
    if not edges:
        return None
    levels = _levels(edges)
    drawing = _drawn(levels, edges)
    listed = [
        element("li", [site.version(one.end, here), " was made from ", site.version(one.start, here)]) for one in edges
    ]
    words = element("details", [element("summary", "as a list"), element("ul", listed)])
    box = element("div", drawing, class_="scroll", tabindex="0", role="region", aria_label="lineage")
    return [element("h3", "Lineage"), box, words]


def _edges(facts: Facts, artifact: str) -> list[_Edge]:
    named = {one.version.digest: one.version.name for versions in facts.versions.values() for one in versions}
    found: dict[_Edge, None] = {}
    shown: set[str] = set()
    for one in reversed(facts.versions[artifact]):
        near = _near(one, named)
        if near and len(shown | {edge.start for edge in near} | {edge.end for edge in near}) <= MOST:
            shown.update(name for edge in near for name in edge)
            found.update(dict.fromkeys(near))
    return list(found)


def _near(one: VersionFacts, named: dict[str, str]) -> list[_Edge]:
    name = one.version.name
    made_from = [_Edge(named.get(entry.version, entry.reference), name) for entry in one.version.inputs]
    return [edge for edge in made_from if edge.start != name] + [_Edge(name, other) for other in one.derived]


def _levels(edges: list[_Edge]) -> dict[str, int]:
    """The column of each version: right of all that it was made from. Records name each other by digest, so there is no
    circle but by names; the number of rounds is bounded for that."""
    levels = {name: 0 for edge in edges for name in edge}
    for _ in levels:
        moved = False
        for start, end in edges:
            if levels[end] <= levels[start] < len(levels):
                levels[end] = levels[start] + 1
                moved = True
        if not moved:
            break
    return levels


def _drawn(levels: dict[str, int], edges: list[_Edge]) -> Markup:
    rows: dict[int, int] = {}
    places: dict[str, tuple[int, int]] = {}
    for name in sorted(levels, key=lambda one: (levels[one], one)):
        row = rows.get(levels[name], 0)
        rows[levels[name]] = row + 1
        places[name] = (levels[name] * (BOX[0] + GAP[0]), row * (BOX[1] + GAP[1]))
    width = (max(levels.values()) + 1) * (BOX[0] + GAP[0]) - GAP[0]
    height = max(rows.values()) * (BOX[1] + GAP[1]) - GAP[1]
    lines = [_line(places[start], places[end]) for start, end in edges]
    boxes = [_box(name, *places[name]) for name in places]
    title = f"Lineage of {len(places)} versions"
    return Markup(
        f'<svg class="graph" viewBox="-2 -2 {width + 4} {height + 4}" width="{width + 4}" height="{height + 4}" '
        f'role="img"><title>{text(title)}</title>{"".join(lines + boxes)}</svg>'
    )


def _line(start: tuple[int, int], end: tuple[int, int]) -> str:
    x, y = start[0] + BOX[0], start[1] + BOX[1] // 2
    to_x, to_y = end[0], end[1] + BOX[1] // 2
    middle = (x + to_x) // 2
    return f'<path class="l" d="M{x} {y}C{middle} {y} {middle} {to_y} {to_x} {to_y}"/>'


def _box(name: str, x: int, y: int) -> str:
    short = name if len(name) <= LETTERS else f"…{name[-LETTERS + 1 :]}"
    return (
        f'<g><title>{text(name)}</title><rect x="{x}" y="{y}" width="{BOX[0]}" height="{BOX[1]}" rx="4"/>'
        f'<text x="{x + BOX[0] // 2}" y="{y + 16}" text-anchor="middle">{text(short)}</text></g>'
    )
