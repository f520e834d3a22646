"""HTML and SVG, made so that no text can become markup."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from html import escape
from typing import Any, Final

LONGEST: Final = 2000
"""Characters of one value that are shown."""

_SPECIAL: Final = re.compile("[&<>\"']").search
_UNCLOSED: Final = frozenset({"br", "hr", "input", "meta", "td", "th", "tr"})
"""Those without content; and those whose end tags may be left out, as there are many of them."""


class Markup(str):
    """Text that is markup already, and safe."""

    __slots__ = ()


_NOTHING: Final = Markup()

Content = str | Iterable[Any] | None
"""Text, which is escaped; Markup, which is not; several of these; or nothing."""


def text(given: object) -> Markup:
    """Other people's text: escaped, and with control characters, those of writing direction among them, shown rather
    than obeyed."""
    plain = given if type(given) is str else str(given)
    if plain.isprintable() and not _SPECIAL(plain):  # as nearly all is
        return Markup(plain)
    return Markup(escape(shown_controls(plain)))


def shown_controls(plain: str) -> str:
    if plain.isprintable():
        return plain
    return "".join(c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape").decode() for c in plain)


def cut(given: object) -> Markup:
    """As `text`, but no more of it than anybody reads."""
    plain = str(given)
    if len(plain) <= LONGEST:
        return text(plain)
    return Markup(f"{text(plain[:LONGEST])}… ({len(plain):,} characters)")


def join(content: Content) -> Markup:
    if type(content) is Markup:
        return content
    if content is None:
        return _NOTHING
    if isinstance(content, str):
        return text(content)
    return Markup("".join(map(join, content)))


def element(tag: str, content: Content = None, /, **attributes: object) -> Markup:
    """`<tag …>content</tag>`. Attributes that are None or False are left out; `class_` is `class`, and
    `data_x` is `data-x`."""
    given = ""
    for name, value in attributes.items():
        if value is not None and value is not False:
            given += _attribute(name, value)
    inner = content if type(content) is Markup else join(content)
    if tag in _UNCLOSED:
        return Markup(f"<{tag}{given}>{inner}")
    return Markup(f"<{tag}{given}>{inner}</{tag}>")


def _attribute(name: str, value: object) -> str:
    name = name.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{text(value)}"'


def moment(time: datetime) -> Markup:
    """A time, in UTC and not as an age: the same page tomorrow as today."""
    utc = time.astimezone(UTC)
    return element("time", f"{utc:%Y-%m-%d %H:%M}", datetime=f"{utc:%Y-%m-%dT%H:%M:%SZ}")
