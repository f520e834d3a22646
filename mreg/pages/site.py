"""Which page everything is on, and how pages lead to each other."""

from __future__ import annotations

import hashlib
from typing import Final
from urllib.parse import quote

from mreg.pages.facts import Facts
from mreg.pages.markup import Content, Markup, element

PER_PAGE: Final = 100
"""Versions on one page of a folder."""

ENTRIES_PER_PAGE: Final = 500
"""Changes on one page of a folder."""

INDEX: Final = "index.html"


class Site:
    """Where things are. single: all on one page."""

    def __init__(self, facts: Facts, *, single: bool) -> None:
        self.single = single
        self._pages: dict[str, str] = {}
        for artifact in facts.artifacts:
            versions = facts.versions[artifact.name][::-1]
            for number, one in enumerate(versions):
                page = self.page("artifact", artifact.name, number // PER_PAGE)
                self._pages[version_anchor(one.version.name)] = page
            self._pages[anchor("artifact", artifact.name)] = self.page("artifact", artifact.name)
        for model in facts.models:
            self._pages[anchor("model", model.name)] = self.page("model", model.name)

    def page(self, kind: str, name: str = "", number: int = 0) -> str:
        """The file name of a page. Names of any script, and those that differ in case only, get one that every file
        system holds."""
        if self.single:
            return INDEX
        plain = "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "-" for c in name.lower())[:60]
        if name and plain != name:
            plain += f".{hashlib.sha256(name.encode()).hexdigest()[:8]}"
        return "-".join([kind, *([plain] if name else []), *([str(number + 1)] if number else [])]) + ".html"

    def link(self, target: str, content: Content, here: str) -> Markup:
        """A link to the anchor, from the page `here`; the content alone where there is no such thing."""
        page = self._pages.get(target)
        if page is None:
            return element("span", content)
        return element("a", content, href=f"{'' if page == here else quote(page)}#{quote(target)}")

    def version(self, name: str, here: str, content: Content = None) -> Markup:
        """A link to a version `artifact:vN`."""
        return self.link(version_anchor(name), content or name, here)


def anchor(kind: str, name: str) -> str:
    return f"{kind}-{name}"


def version_anchor(name: str) -> str:
    return f"version-{name}"
