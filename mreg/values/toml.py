"""TOML that others may have written: read within bounds."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from mreg import lazy
from mreg.values.canonical import Malformed, check_depth, fault_of_text

_PLAIN: Final = re.compile(r'(?:[a-z_]+ = (?:"[^"\\\x00-\x1f\x7f]*"|\[\])\n)*').fullmatch
"""Plain texts and empty lists under bare keys: what is said of most collections."""


def loads(text: str, parse_float: Callable[[str], float] = float) -> dict[str, Any]:
    """Raises Malformed for what is no TOML, or nests too deeply: a dotted key does so without any bracket."""
    if _PLAIN(text):  # a third of what it takes to load the parser
        lines = [line.partition(" = ") for line in text.split("\n")[:-1]]
        plain = {key: value[1:-1] if value[0] == '"' else [] for key, _, value in lines}
        if len(plain) == len(lines):  # else a key is said twice
            return plain
    try:
        table = lazy.tomllib.loads(text, parse_float=parse_float)
    except RecursionError:
        raise Malformed("nested too deeply") from None
    except ValueError as error:  # also an integer of thousands of digits
        raise Malformed(fault_of_text(error)) from None
    check_depth(table)
    return table
