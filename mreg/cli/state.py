"""The state of one run of the command line. None of it is global: two runs in one process do not affect each other."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

import mreg
from mreg import cli
from mreg.cli import layout
from mreg.cli.output import Out, width_of_terminal
from mreg.cli.text import one_line
from mreg.values.errors import MregError
from mreg.values.names import split_remote


class State:
    """The values of the options that every command has, the repository that they choose, and the output of results and
    notes."""

    def __init__(self) -> None:
        self.json = False
        self.quiet = False
        self.verbose = False
        self.color = True
        self.repo: str | None = None
        self._opened: mreg.Repository | None = None
        self._remote: str | None = None

    def location(self) -> str:
        """The repository's folder. Raises NoRepository."""
        return self.repo or mreg.find_repository()

    def repository(self) -> mreg.Repository:
        """The repository chosen. Raises NoRepository, NewerFormat, DamagedConfig."""
        location = self.location()
        self._opened = mreg.Repository.open(location, author=os.environ.get("MREG_AUTHOR")).as_one()
        if self.verbose:
            self.note(f"repository: {self._opened.location}")
        return self._opened.remote(self._remote).as_one() if self._remote else self._opened

    def enter(self, reference: str) -> str:
        """If the reference begins with a remote, let that be the repository of this run; the rest of it."""
        self._remote, rest = split_remote(reference)
        return rest

    def kind_of(self, name: str) -> str:
        """What has the name in the repository that was opened: "artifact", "model", or "" where there is no telling."""
        try:
            return (self._opened and self._opened.kind(name)) or ""
        except (MregError, OSError):
            return ""

    def remotes(self) -> set[str]:
        """The names of the remotes of the repository that was opened; none where there is no telling."""
        try:
            return {one.name for one in self._opened.remotes()} if self._opened is not None else set()
        except (MregError, OSError):
            return set()

    def remote_meant(self, name: str, arguments: Sequence[str]) -> str:
        """The remote that was given alone, or before this name; "" where there is none."""
        remotes = self.remotes()
        heads = [name, *(word.partition("/")[0] for word in arguments if word.partition(":")[0].endswith(f"/{name}"))]
        return next((head for head in heads if head in remotes), "")

    def close(self) -> None:
        """Close the repository."""
        if self._opened is not None:
            self._opened.close()

    @property
    def terminal(self) -> bool:
        """Is standard output a terminal, for a person to read?"""
        return not self.json and sys.stdout.isatty()

    @property
    def talkative(self) -> bool:
        """Are notes to be printed beside the result?"""
        return not self.quiet and not self.json

    def emit(self, value: Any, render: Callable[[Out], None]) -> None:
        """Print a command's one result: as a JSON document with `--json`, else by `render`."""
        if self.json:
            cli.as_json.print_json(value)
        else:
            render(Out(terminal=self.terminal, color=self.color))

    def note(self, text: str) -> None:
        """Print a note: something for people that is not data."""
        if self.talkative:
            _print_note(one_line(text))

    def note_rows(self, rows: Sequence[Sequence[str]], indent: int = 2) -> None:
        """Print what a note is about, one row per line, aligned (`layout.aligned`)."""
        if rows and self.talkative:
            for line in layout.aligned([[one_line(cell) for cell in row] for row in rows], indent):
                _print_note(line)

    def warn(self, text: str) -> None:
        """Print what must not be missed, also with --quiet. With --json it is part of the document."""
        if not self.json:
            _print_note(one_line(text))


def _print_note(line: str) -> None:
    """Print one line to standard error; on a terminal that is narrower, wrap it and indent the further lines."""
    if sys.stderr.isatty() and layout.width_of(line) > (width := width_of_terminal(2)):
        text = line.lstrip(" ")
        start = len(line) - len(text)
        line = " " * start + layout.unbroken(text, width, start + len(layout.GAP))
        line = "\n".join(part.rstrip(" ") for part in line.split("\n"))
    print(line, file=sys.stderr)
