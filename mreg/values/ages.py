"""How long ago, as people write it: `90s`, `15m`, `2h`, `14d`, `1w`."""

from __future__ import annotations

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def parse_seconds(text: str) -> float:
    """`90`, `90s`, `15m`, `2h`, `14d`, `1w` in seconds. Raises ValueError."""
    number, unit = (text[:-1], text[-1]) if text[-1:] in _UNITS else (text, "s")
    try:
        seconds = float(number) * _UNITS[unit]
    except ValueError:
        seconds = -1
    if not seconds >= 0:
        raise ValueError("write a number and a unit: s, m, h, d or w")
    if seconds >= 1e12:
        raise ValueError("it must be below 30,000 years")
    return seconds


def age_text(seconds: float) -> str:
    """What `parse_seconds` reads as so many, in the largest unit but weeks that gives a whole number."""
    for unit in "dhm":
        if seconds and seconds % _UNITS[unit] == 0:
            return f"{seconds / _UNITS[unit]:.0f}{unit}"
    return f"{seconds:g}s"
