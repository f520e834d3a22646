"""Makes other people's text safe for terminals and for lines in pipes: control characters are shown, not obeyed."""

from __future__ import annotations


def safe(text: str) -> str:
    """Text that cannot control a terminal: control characters are shown, not obeyed."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape").decode() for c in text)


def one_line(text: str) -> str:
    """Safe text that stays on its line and in its column: line breaks and tabs are shown too (`\\n`, `\\t`).

    Otherwise a name or a message could pass for another line or column.
    """
    return safe(text).replace("\n", "\\n").replace("\t", "\\t")


def path_text(path: str) -> str:
    """A path on one line, so that no two look alike: backslashes are doubled, as those of escapes are single."""
    return one_line(path.replace("\\", "\\\\"))
