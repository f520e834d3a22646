"""Counts, sizes and values in words for people."""

from __future__ import annotations

from typing import Any

from mreg import lazy


def count_text(count: int, one: str, many: str) -> str:
    """`1 pack`, `2 packs`."""
    return f"{count} {one if count == 1 else many}"


def size_text(count: int) -> str:
    """Bytes for people: 1.2 MiB."""
    number = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if number < 1024:
            return f"{count} B" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1024
    return f"{number:.1f} TiB"


def value_text(value: Any) -> str:
    """A metadata value for people."""
    if type(value) is int or type(value) is float:
        return repr(value)  # as JSON has it, where many are told
    return value if isinstance(value, str) else lazy.json.dumps(value, ensure_ascii=False)
