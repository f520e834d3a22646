"""The pages of a repository, written to a file or a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Final

from mreg import lazy
from mreg.checkout.others import check_place
from mreg.pages.collection import artifact_pages, model
from mreg.pages.facts import Facts, gather
from mreg.pages.markup import Markup, element
from mreg.pages.overview import journal, overview
from mreg.pages.page import MARK, page
from mreg.pages.site import ENTRIES_PER_PAGE, INDEX, Site
from mreg.session.context import Context
from mreg.small_files import in_place_of, make_folders, read_start
from mreg.storage.temporary import drop_abandoned, prefix_beside, replace_file, temporary_name
from mreg.values.errors import Refused
from mreg.values.named_tuple import NamedTuple

__all__ = ["Written"]

ENDINGS: Final = (".html", ".htm")
_HEAD: Final = 4096


class NotOurs(Refused):
    code = "not-a-report"
    template = "{path} exists, and is not a report that mreg made"

    path: str


class Written(NamedTuple):
    """What `html` wrote: the file, or the folder, to be opened in a browser; how many pages, and their bytes."""

    path: str
    pages: int
    size: int


def write(context: Context, out: str, title: str) -> Written:
    """See `Repository.html`. Raises UnsafeDestination, NotOurs, Damaged, OSError."""
    out = check_place(out)
    single = out.lower().endswith(ENDINGS)
    _require_ours(out, single)
    pages = dict(_pages(gather(context), title, single))
    if single:
        replace_file(out, pages[INDEX].encode(), durable=False)  # the folder that it is in must exist, as for `>`
    else:
        _write_folder(out, pages)
    return Written(out, len(pages), sum(len(text.encode()) for text in pages.values()))


def _pages(facts: Facts, title: str, single: bool) -> Iterator[tuple[str, str]]:
    site = Site(facts, single=single)
    first = overview(facts, title, site, INDEX)
    models = [
        (site.page("model", one.name), model(facts, one, site, site.page("model", one.name))) for one in facts.models
    ]
    artifacts = [found for one in facts.artifacts for found in artifact_pages(facts, one, site)]
    if single:
        parts = [first, *(body for _, body in [*models, *artifacts]), journal(facts.journal)]
        yield INDEX, page(title, element("main", parts))
        return
    home = element("nav", element("a", title, href=INDEX))
    yield INDEX, page(title, element("main", first))
    for name, body in [*models, *artifacts]:
        yield name, page(title, Markup(home + element("main", body)))
    for number, start in enumerate(range(0, max(1, len(facts.journal)), ENTRIES_PER_PAGE)):
        shown = journal(facts.journal[start : start + ENTRIES_PER_PAGE])
        older = element("a", "older changes", href=site.page("journal", "", number + 1))
        rest = element("p", older) if start + ENTRIES_PER_PAGE < len(facts.journal) else None
        yield site.page("journal", "", number), page(title, Markup(home + element("main", [shown, rest])))


def _require_ours(out: str, single: bool) -> None:
    """Only what was written by mreg is replaced."""
    place = out if single else os.path.join(out, INDEX)
    if not os.path.lexists(out) or (not single and os.path.isdir(out) and not os.listdir(out)):
        return
    try:
        ours = MARK.encode() in read_start(place, _HEAD)
    except OSError:
        ours = False
    if not ours or os.path.isdir(out) == single:
        raise NotOurs(path=out)


def _write_folder(out: str, pages: dict[str, str]) -> None:
    """All pages or none: they are written beside the folder, which then takes its name."""
    parent, name = os.path.split(out)
    make_folders(parent)
    prefix = prefix_beside(name)
    drop_abandoned(parent, prefix)
    unfinished, former = (os.path.join(parent, temporary_name(prefix)) for _ in range(2))
    try:
        with in_place_of(out, unfinished):
            os.mkdir(unfinished)
            for one, text in pages.items():
                with open(os.path.join(unfinished, one), "x", encoding="utf-8") as file:
                    file.write(text)
            _take_name(unfinished, out, former)
    except BaseException:
        lazy.shutil.rmtree(unfinished, ignore_errors=True)
        raise


def _take_name(folder: str, out: str, former: str) -> None:
    """Give the folder its name; what had it is called `former` meanwhile, and deleted then, or comes back."""
    if not os.path.isdir(out):
        os.rename(folder, out)
        return
    os.rename(out, former)
    try:
        os.rename(folder, out)
    except BaseException:
        os.rename(former, out)
        raise
    lazy.shutil.rmtree(former, ignore_errors=True)
