"""Sets of characters, given as ranges."""

from __future__ import annotations

from bisect import bisect_right


class Ranges:
    """text: hexadecimal code points, and ranges of them (`41-5A`), ascending, with white space between."""

    def __init__(self, text: str) -> None:
        pairs = [part.partition("-") for part in text.split()]
        self._firsts = [int(first, 16) for first, _, _ in pairs]
        self._lasts = [int(last or first, 16) for first, _, last in pairs]

    def __contains__(self, character: str) -> bool:
        code = ord(character)
        at = bisect_right(self._firsts, code) - 1
        return at >= 0 and code <= self._lasts[at]
