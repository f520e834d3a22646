"""Expressions typed without quotes, such as `--where metrics.acc >= 0.9`: the shell takes `>` for itself, and writes
the output to a file called `=`."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from mreg import lazy

_KEY = r"[^\s<>=!~]+"
_VALUE = r"=.*|[-+]?\.?\d[\w.+-]*"
"""Names of files that people hardly choose, and shells make of an operator and a number."""

NOTE = "the shell interprets < and >: quote the expression"


def unquoted(arguments: Sequence[str]) -> str:
    """What to write instead where an expression was typed without quotes, and standard output is a file therefore; ""
    elsewhere, and where it cannot be told."""
    if "--where" not in arguments[:-1]:
        return ""
    place = arguments.index("--where") + 1
    name = _name_of_output()
    if not (name and re.fullmatch(_VALUE, name) and re.fullmatch(_KEY, arguments[place])):
        return ""
    rest = "".join(arguments[place + 1 : place + 2]) if name == "=" else ""
    meant = f">{name} {rest}" if name.startswith("=") else f"> {name}"
    quoted = lazy.shlex.quote(f"{arguments[place]} {meant}".rstrip())
    return f"{NOTE}, --where {quoted}; the output went to the file {name!r}"


def _name_of_output() -> str:
    """The name of the file that standard output is; "" where it is none, or the system does not tell."""
    try:
        path = os.readlink("/proc/self/fd/1")
    except OSError:
        return ""
    return os.path.basename(path) if path.startswith("/") and os.path.isfile(path) else ""
