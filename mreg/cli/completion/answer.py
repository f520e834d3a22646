"""Answers `mreg __complete LINE [BREAKS]`, which the scripts of the shells call: see `docs/completion.md`.

LINE: what stands before the cursor. Prints a candidate and its description per line, with a tab between. With BREAKS,
the characters at which bash breaks words, prints what bash is to put in the place of the last of them: the candidate
alone, quoted as it must be. Where the shell itself knows best, the one line is empty but for the description, `files`
or `folders`. Prints nothing where there is nothing to say or anything goes wrong.

This runs at each press of the tab key, so it loads neither the parser nor the facade: both take longer than all else.
"""

from __future__ import annotations

import os
import sys
from itertools import islice

from mreg.cli.completion import sources
from mreg.cli.completion.data import COMMANDS, COMMON
from mreg.cli.completion.line import Line

TYPE_CHECKING = False  # as `typing` has it, without loading that

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mreg.cli.completion.sources import Candidates

LIMIT = 500
"""Candidates that are printed."""

FLAG = ""
"""The kind of an option that takes no value."""


def main(arguments: list[str]) -> None:
    """Print the answer. Never raises an Exception."""
    try:
        text = "".join(f"{line}\n" for line in answer(*arguments))
        sys.stdout.buffer.write(os.fsencode(text))
        sys.stdout.buffer.flush()
    except Exception:  # whatever it is: it would be printed into the line that a person is typing
        return


def answer(text: str, breaks: str | None = None) -> Iterator[str]:
    """The lines to print."""
    line = Line(text)
    kept = 0 if breaks is None else line.last.kept(breaks)
    for value, description in islice(Parsed(line).candidates(), LIMIT):
        shown = description if description.isprintable() else ""
        if not value:
            yield f"\t{shown}"
        elif not value.isprintable():
            continue
        elif breaks is None:
            yield f"{value}\t{shown}"
        else:
            yield value[kept:] if line.last.quote else _escaped(value[kept:])


class Parsed:
    """The line as the parser of commands would take it, as far as it goes."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._path = ""
        self._arguments: list[str] = []
        self._given: dict[str, str] = {}
        self._pending = ""  # the option whose value comes next
        self._only_arguments = False  # after `--`
        for word in line.words[1:]:
            self._take(word)

    def candidates(self) -> Candidates:
        """What may stand at the cursor, with descriptions."""
        start = self._line.last.text
        if self._line.last.target:
            return iter([("", "files")])
        if self._path not in COMMANDS or not self._line.words:
            return iter(())
        option, equals, value = start.partition("=")
        if self._pending:
            return self._values(self._kind_of(self._pending), start)
        if start.startswith("--") and equals and not self._only_arguments:
            return (
                (f"{option}={one}" if one else "", text) for one, text in self._values(self._kind_of(option), value)
            )
        if start.startswith("-") and not self._only_arguments:
            return ((one, text) for one, (_, text) in self._options().items() if one.startswith(start))
        return self._next_argument(start)

    def _take(self, word: str) -> None:
        option, equals, value = word.partition("=")
        if self._pending:
            self._given[self._pending], self._pending = word, ""
        elif self._only_arguments or not word.startswith("-") or word == "-":
            self._take_argument(word)
        elif word == "--":
            self._only_arguments = True
        elif word.startswith("--") and equals:
            self._given[option] = value
        elif self._kind_of(word[:2]) and not word.startswith("--") and len(word) > 2:
            self._given[word[:2]] = word[2:]
        elif self._kind_of(word):
            self._pending = word

    def _take_argument(self, word: str) -> None:
        if self._is_group():
            self._path = f"{self._path} {word}".lstrip()
        else:
            self._arguments.append(word)

    def _is_group(self) -> bool:
        return not self._path or any(path.startswith(f"{self._path} ") for path in COMMANDS)

    def _options(self) -> dict[str, tuple[str, str]]:
        return {**COMMANDS[self._path][1], **COMMON} if self._path in COMMANDS else COMMON

    def _kind_of(self, option: str) -> str:
        return self._options().get(option, (FLAG,))[0]

    def _next_argument(self, start: str) -> Candidates:
        if self._is_group():
            above = f"{self._path} ".lstrip()
            below = ((path.removeprefix(above), data[0]) for path, data in COMMANDS.items() if path.startswith(above))
            return (pair for pair in below if pair[0] and " " not in pair[0] and pair[0].startswith(start))
        kinds = COMMANDS[self._path][2]
        place = len(self._arguments)
        if place >= len(kinds) and not (kinds and kinds[-1].endswith("*")):
            return iter(())
        return self._values(kinds[min(place, len(kinds) - 1)].rstrip("*"), start)

    def _values(self, kind: str, start: str) -> Candidates:
        folder = self._given.get("-C")
        if folder is not None:
            os.chdir(_expanded(folder))
        location = self._given.get("--repo", self._line.variables.get("MREG_REPO"))
        return sources.candidates(kind, start, self._arguments, location and _expanded(location))


def _expanded(path: str) -> str:
    """A path as the shell would give it to the command."""
    return os.path.expandvars(os.path.expanduser(path))


def _escaped(text: str) -> str:
    return "".join(char if _is_plain(char) else f"\\{char}" for char in text)


def _is_plain(char: str) -> bool:
    """Does no shell give it a meaning? Marks, as Hindi has them, are not alphanumeric."""
    return char.isalnum() or char in "._-:@/=+,%" or not (char.isascii() or char.isspace() or not char.isprintable())
