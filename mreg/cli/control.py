"""Characters that control a terminal. Not in `text`: compiling the pattern takes longer than loading all of that."""

from __future__ import annotations

import re

DRIVING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""What drives a terminal, or turns around what it shows: control characters, separators, bidirectional overrides."""


def undriven(text: str) -> str:
    """Text of several lines without characters that control a terminal; unlike `safe`, it keeps what people use in
    texts, such as no-break spaces and joined emoji."""
    return DRIVING.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
