"""Digests of files in the words of other tools, and the lines in which `sha256sum`, `md5sum` and `b3sum` list them."""

from __future__ import annotations

from typing import Final

from mreg.values.errors import InvalidInput

OWN: Final = "blake3"
LENGTHS: Final = {OWN: 64, "sha256": 64, "md5": 32}
"""Hex digits of each digest that a file can be asked for."""


class UnknownAlgorithm(InvalidInput):
    code = "unknown-algorithm"
    template = "{algorithm!r} is not one of {known}"

    algorithm: str
    known: str


def check_algorithm(algorithm: str) -> str:
    """`algorithm` itself. Raises UnknownAlgorithm."""
    if algorithm not in LENGTHS:
        raise UnknownAlgorithm(algorithm=algorithm, known=", ".join(LENGTHS))
    return algorithm


def checksum_line(digest: str, path: str) -> str:
    """A line without its end, for `sha256sum -c` and its like: where a backslash precedes it, the name has escapes."""
    escaped = path.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    return f"{'' if escaped == path else chr(92)}{digest}  {escaped}"
