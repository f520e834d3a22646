"""`mreg html`."""

from typing import Annotated

from mreg.cli.declared import Argument, Option
from mreg.cli.state import State
from mreg.values.words import count_text, size_text


def html(
    state: State,
    out: Annotated[str, Argument(metavar="OUT", help="A file FILE.html, or a folder.")],
    title: Annotated[str | None, Option("--title", metavar="TEXT", help="Title of the pages.")] = None,
) -> None:
    """Write a report of the repository as self-contained HTML, which needs no server.

    If OUT ends in .html, it is a single page; otherwise a folder of pages, which suits thousands of versions. Pages
    that mreg wrote there before are replaced; anything else is refused. Print the path to open.

    The pages show registered models with their cards, aliases with their history, versions with metadata, sizes, files
    and tensors, metrics as charts, lineage, and the journal. The same repository gives the same bytes.
    """
    done = state.repository().html(out, title=title)
    pages = count_text(done.pages, "page", "pages")
    state.emit(done, lambda out: out.path(done.path))
    state.note(f"{pages}, {size_text(done.size)}: open it in a browser")
