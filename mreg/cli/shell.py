"""Words to paste into a shell."""

from __future__ import annotations

import os
import shlex


def shell_word(text: str) -> str:
    """The text as one word. Controls, and bytes that are no characters, become escapes: `$'\\xff'`."""
    if text.isprintable():
        return shlex.quote(text)
    shown = "".join(chr(b) if 32 <= b < 127 and b not in b"\\'" else f"\\x{b:02x}" for b in os.fsencode(text))
    return f"$'{shown}'"
