"""What the options that every command has were set to, and the repository they choose."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mreg.repository import Repository


class State:
    """The options of one run of the command line."""

    def __init__(self) -> None:
        self.json = False
        self.quiet = False
        self.verbose = False
        self.color = True
        self.repo: str | None = None
        self.opened: Repository | None = None

    def location(self) -> str:
        """The repository's folder. Raises NoRepository."""
        from mreg.session.places import find_repository

        return self.repo or find_repository()

    def repository(self) -> Repository:
        """The repository chosen. Raises NoRepository, NewerFormat, DamagedConfig."""
        from mreg.repository import Repository

        location = self.location()
        if self.verbose and not (self.quiet or self.json):
            from mreg.cli.text import one_line

            print(one_line(f"repository: {location}"), file=sys.stderr)
        self.opened = Repository.open(location, author=os.environ.get("MREG_AUTHOR"))
        return self.opened

    def close(self) -> None:
        """Let go of the repository."""
        if self.opened is not None:
            self.opened.close()

    @property
    def terminal(self) -> bool:
        """Does a person read standard output?"""
        return not self.json and sys.stdout.isatty()


current = State()


def reset() -> None:
    """Back to the defaults, for the next run in this process."""
    current.__init__()  # type: ignore[misc]
