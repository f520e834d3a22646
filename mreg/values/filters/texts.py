"""Tests of texts: each pattern as a function that takes time in proportion to the text."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable
from typing import Final

from mreg import lazy

OPERATORS: Final = ("like", "ilike", "glob", "contains", "~")
LONGEST: Final = 1000
"""Characters of a pattern."""


class BadPattern(Exception):
    """The reason, and a hint."""


def matcher(op: str, pattern: str) -> Callable[[str], bool]:
    """Whether a text fits the pattern. Raises BadPattern."""
    if len(pattern) > LONGEST:
        raise BadPattern(f"a pattern has at most {LONGEST:,} characters", None)
    if op == "contains":
        needle = pattern.casefold()
        return lambda text: needle in text.casefold()
    if op == "ilike":
        fits = matcher("like", pattern.casefold())
        return lambda text: fits(text.casefold())
    if op == "~":
        return _expression(pattern)
    glob = pattern if op == "glob" else "".join(_LIKE.get(c, c) for c in pattern)
    found = re.compile(fnmatch.translate(glob)).match  # never goes back: `*` becomes an atomic group
    return lambda text: found(text) is not None


_LIKE = {"%": "*", "_": "?", "*": "[*]", "?": "[?]", "[": "[[]"}


def _expression(pattern: str) -> Callable[[str], bool]:
    """By RE2: that of Python may take for ever."""
    try:
        re2 = lazy.load("re2")
    except ImportError:
        reason = "regular expressions require the package google-re2, which is not installed"
        raise BadPattern(reason, "pip install 'mreg[regex]', or use `like` or `glob`") from None
    options = re2.Options()
    options.log_errors = False
    try:
        search = re2.compile(pattern, options).search
    except re2.error as error:
        detail = error.args[0] if error.args else ""
        detail = detail.decode("utf-8", "replace") if isinstance(detail, bytes) else str(detail)
        raise BadPattern(f"this is not a regular expression: {detail}", None) from None
    return lambda text: search(text) is not None
