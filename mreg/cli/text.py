"""Text that others wrote, made fit for terminals and for lines in pipes: control characters are shown, not obeyed."""

from __future__ import annotations

import re

DRIVING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""What drives a terminal, or turns around what it shows: control characters, separators, bidirectional overrides."""


def safe(text: str) -> str:
    """Text without what could drive a terminal: control characters are shown, not obeyed."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape").decode() for c in text)


def one_line(text: str) -> str:
    """Safe text that stays on its line and in its column: line breaks and tabs, too, are shown (`\\n`, `\\t`).

    Else a name or a message could pretend to be another line, or another column.
    """
    return safe(text).replace("\n", "\\n").replace("\t", "\\t")


def undriven(text: str) -> str:
    """Text of several lines without what drives a terminal; unlike `safe` it leaves what people write in texts, such
    as no-break spaces and joined emoji."""
    return DRIVING.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
