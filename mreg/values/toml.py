"""TOML that others may have written: read within bounds."""

from __future__ import annotations

from typing import Any

from mreg import lazy
from mreg.values.canonical import Malformed, check_depth, fault_of_text


def loads(text: str) -> dict[str, Any]:
    """Raises Malformed for what is no TOML, or nests too deeply: a dotted key does so without any bracket."""
    try:
        table = lazy.tomllib.loads(text)
    except RecursionError:
        raise Malformed("nested too deeply") from None
    except ValueError as error:  # also an integer of thousands of digits
        raise Malformed(fault_of_text(error)) from None
    check_depth(table)
    return table
