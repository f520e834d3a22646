"""How many bytes, as people write it: `500MB`, `20GiB`."""

from __future__ import annotations

from typing import Final

UNITS: Final = {"B": 1, "kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12} | {
    "KiB": 1 << 10,
    "MiB": 1 << 20,
    "GiB": 1 << 30,
    "TiB": 1 << 40,
}


def parse_bytes(text: str) -> int:
    """`1000`, `500MB`, `1.5 GiB`, `20G` (as GiB) in bytes. Raises ValueError."""
    digits = text.rstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
    unit = text[len(digits) :] or "B"
    factor = UNITS.get(unit) or UNITS.get(f"{unit.upper()}iB")
    try:
        number = float(digits) * (factor or -1)
    except ValueError:
        number = -1
    if not 0 <= number < 1 << 63:
        raise ValueError("write a number and a unit: B, kB, MB, GB, TB, KiB, MiB, GiB or TiB")
    return int(number)
