"""Every page is found: docs/README.md lists it, and README.md links it."""

from __future__ import annotations

import re

import pytest
from documented import ROOT

PAGES = sorted(page.name for page in (ROOT / "docs").glob("*.md") if page.name != "README.md")


@pytest.mark.parametrize(("index", "folder"), [("docs/README.md", ""), ("README.md", "docs/")])
def test_the_index_links_every_page(index: str, folder: str) -> None:
    linked = set(re.findall(r"\]\(([^)#]+)", (ROOT / index).read_text(encoding="utf-8")))

    assert [page for page in PAGES if folder + page not in linked] == []
