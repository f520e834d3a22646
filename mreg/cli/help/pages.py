"""The pages of help, laid out for a terminal: `mreg`, `mreg COMMAND --help`, `mreg help TOPIC`.

A page is a list of lines, each a list of texts with their styles (`layout.paint`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mreg.cli.help.data import COMMON, PAGES
from mreg.cli.layout import wrapped

Lines = Iterator[list[tuple[str, str]]]

WIDEST = 100
"""Longer lines are hard to read."""
NARROW = 60
"""Below it, what an option does stands below the option."""
NAMES = 30
"""Columns that names of options take at most; what a longer one does stands below it."""

GROUPS = {
    "start": "init log import use get link alias",
    "look": "ls show search history diff lineage metrics html files cat resolve",
    "change": "annotate tag card artifact model unlink rm undo",
    "share": "export clone pull push bundle mirror remote",
    "keep": "gc fsck du cache config upgrade completion help version",
}
"""Every command, in the order of the overview."""

_TITLE = ("mreg: a model registry that needs no server", "mreg help COMMAND | TOPIC")
_FIRST_STEPS = [
    ("mreg init", "make a repository here"),
    ("mreg log ./ckpt --artifact mnist --alias best", "log a checkpoint"),
    ("mreg use mnist:best", "path of a ready-to-load copy"),
    ("mreg link mnist:best digits --alias production", "promote it"),
]
_FURTHER = "options of every command: mreg help options"


def overview(topics: Sequence[str], width: int) -> Lines:
    """What `mreg` alone shows."""
    width = min(width, WIDEST)
    title, usage = _TITLE
    if len(title) + len(usage) + 4 <= width:
        yield [(f"{title:<{min(width, 80) - len(usage)}}{usage}", "")]
    else:
        yield [(title, "")]
        yield [(usage, "")]
    yield []
    for name, commands in GROUPS.items():
        yield from _row(f"  {name}", commands.replace(" ", "  "), 11, width, "dim")
    yield []
    for command, meaning in _FIRST_STEPS:
        yield from _row(f"  {command}", meaning, 51, width)
    yield []
    yield from _row("topics:", "  ".join(topics), 9, width)


def is_page(words: str) -> bool:
    """Whether there is a page for these words: those of a command, or of several."""
    return words in PAGES


def page(words: str, width: int) -> Lines:
    """What `mreg COMMAND --help` shows."""
    width = min(width, WIDEST)
    usage, text, commands, arguments, options, examples = PAGES[words]
    for line in _hanging(usage, width):
        yield [(line, "")]
    for paragraph in text:
        yield []
        yield from flowing(paragraph, width)
    yield from _section("Commands", commands, width)
    yield from _section("Arguments", arguments, width)
    yield from _section("Options", options, width)
    if examples:
        yield []
        yield [("Examples", "dim")]
        for line in examples:
            yield [(f"  {line}", "")]
    yield []
    yield from flowing(_FURTHER, width)


def topic(text: str, width: int) -> Lines:
    """A topic: its paragraphs flow; lines that are indented, or follow such a line, stay as they are."""
    for number, paragraph in enumerate(text.strip("\n").split("\n\n")):
        if number:
            yield []
        lines = paragraph.split("\n")
        if any(line.startswith(" ") for line in lines):
            yield from ([(line, "")] for line in lines)
        else:
            yield from flowing(" ".join(lines), min(width, WIDEST))


def options(width: int) -> Lines:
    """The options that every command has."""
    width = min(width, WIDEST)
    alone = [(f"  {name}", meaning) for name, meaning in COMMON if name.strip() == "--version"]
    everywhere = [(f"  {name}", meaning) for name, meaning in COMMON if name.strip() != "--version"]
    yield from flowing("Options of every command, before its name or after it:", width)
    yield []
    yield from _table(everywhere, width)
    yield []
    yield from flowing("Without a command:", width)
    yield []
    yield from _table(alone, width)


def commands(width: int) -> Lines:
    """Every command, with what it does."""
    rows = [(words, text[0]) for words, (_, text, below, *_) in PAGES.items() if words and not below]
    yield from _table(rows, min(width, WIDEST))


def flowing(paragraph: str, width: int) -> Lines:
    for line in wrapped(paragraph, width):
        yield [(line, "")]


def _hanging(usage: str, width: int) -> Iterator[str]:
    """The usage, its further lines below the command's first parameter."""
    first, *rest = wrapped(usage, width - 4)
    yield first
    for line in rest:
        yield f"    {line}"


def _section(heading: str, rows: Sequence[tuple[str, str]], width: int) -> Lines:
    if rows:
        yield []
        yield [(heading, "dim")]
        yield from _table([(f"  {name}", meaning) for name, meaning in rows], width)


def _table(rows: Sequence[tuple[str, str]], width: int) -> Lines:
    widest = max((len(name) for name, _ in rows if len(name) <= NAMES), default=0)
    for name, meaning in rows:
        yield from _row(name, meaning, widest + 2, width)


def _row(name: str, meaning: str, indent: int, width: int, style: str = "") -> Lines:
    """A name, and beside it what it means, or below where the terminal is narrow or the name long."""
    below = width < NARROW or len(name) > indent - 2
    if below:
        yield [(name, style)]
        indent = 6 if width < NARROW else indent
    for number, line in enumerate(wrapped(meaning, width - indent) if meaning else ()):
        head = "" if below or number else name
        yield [(head, style), (" " * (indent - len(head)) + line.strip(), "")]
