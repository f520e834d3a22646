"""Patterns in the manner of .gitignore, of which the last that matches a path decides.

Each becomes a regular expression that never goes back: what `*` stands for ends at the first place where the rest up
to the next `*` fits, since a later one leaves less for what follows. So a hostile pattern takes as long as its length
times that of the path, and no longer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import Final

from mreg.values.errors import InvalidInput

MOST: Final = 10_000
LONGEST: Final = 4096


class InvalidPattern(InvalidInput):
    code = "invalid-pattern"
    template = "invalid pattern: {reason}"

    reason: str


class Patterns:
    """Raises InvalidPattern where they are made."""

    def __init__(self, lines: Iterable[str]) -> None:
        rules = list(_rules(lines))
        self._runs: list[tuple[bool, Callable[[str], object]]] = [
            (chosen, re.compile("|".join(rule for _, rule in run)).match)
            for chosen, run in groupby(reversed(rules), key=lambda rule: rule[0])
        ]

    def match(self, path: str) -> bool:
        """Whether they choose the path, or a folder that it lies in. That of a folder ends with `/`."""
        for chosen, match in self._runs:
            if match(path):
                return chosen
        return False


def _rules(lines: Iterable[str]) -> Iterator[tuple[bool, str]]:
    """Whether each pattern chooses or (`!`) leaves, and its regular expression, to be matched from the path's start."""
    count = 0
    for line in lines:
        text = line if line.endswith("\\ ") else line.rstrip()
        if not text or text[0] == "#" or text == "/":
            continue
        count += 1
        if count > MOST or len(text) > LONGEST:
            raise InvalidPattern(reason=f"more than {MOST} patterns, or one longer than {LONGEST} characters")
        chosen = text[0] != "!"
        yield chosen, _rule(text if chosen else text[1:])


def _rule(pattern: str) -> str:
    parts = pattern.split("/")
    if parts == [""]:
        raise InvalidPattern(reason="nothing follows the `!`")
    if not parts[0]:
        del parts[0]
    elif len(parts) == 1 or parts[1:] == [""]:
        parts.insert(0, "**")  # without a slash in its middle it matches at any depth
    if only_folders := not parts[-1]:
        parts[-1] = "**"
    groups = [list(group) for stars, group in groupby(parts, key="**".__eq__) if not stars]
    if not groups:
        return "[^/]+/" if only_folders else ""
    rule = ""
    for number, group in enumerate(groups):
        inside = number < len(groups) - 1 or parts[-1] == "**"
        found = "/".join(map(_component, group)) + ("/" if inside else _end(group[-1]))
        rule += f"(?>(?:[^/]*+/)*?{found})" if number or parts[0] == "**" else found
    return rule


def _end(last: str) -> str:
    """`folder` stands for what is in it as well, `folder/*` for nothing further down."""
    return r"/?\Z" if last == "*" else r"(?:/|\Z)"


def _component(glob: str) -> str:
    if glob == "*":
        return "[^/]++"
    first, *others = _fixed(glob)
    if not others:
        return first
    *middle, last = others
    steps = "".join(f"(?>[^/]*?{part})" for part in middle if part)
    return first + steps + (rf"(?>[^/]*?{last}(?=/|\Z))" if last else "[^/]*+")


def _fixed(glob: str) -> list[str]:
    """What stands between the stars, as regular expressions that match so many characters."""
    found = [""]
    at = 0
    while at < len(glob):
        char, at = glob[at], at + 1
        if char == "*":
            found.append("")
        elif char == "?":
            found[-1] += "[^/]"
        elif char == "\\":
            if at == len(glob):
                raise InvalidPattern(reason=f"nothing follows the backslash in {glob!r}")
            found[-1] += re.escape(glob[at])
            at += 1
        elif char == "[" and (end := _closing(glob, at)) > 0:  # one that is not closed stands for itself
            found[-1] += _class(glob[at:end])
            at = end + 1
        else:
            found[-1] += re.escape(char)
    return found


def _closing(glob: str, at: int) -> int:
    """Where the `]` is that ends what begins at `at`; as the first of its characters it is one of them."""
    first = at + (glob[at : at + 1] in ("!", "^"))
    return glob.find("]", first + 1)


def _class(text: str) -> str:
    """`[text]` as a regular expression for one character, which is never a `/`."""
    negated = text[0] in ("!", "^")
    items = ""
    for low, high, alone in re.findall("(.)-(.)|(.)", text[negated:], re.DOTALL):
        if alone:
            items += re.escape(alone)
        elif low <= high:
            items += f"{re.escape(low)}-{re.escape(high)}"
    if negated:
        return f"[^/{items}]"
    return f"(?!/)[{items}]" if items else "(?!)"
