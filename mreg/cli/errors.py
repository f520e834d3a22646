"""The errors that only the command line has."""

from __future__ import annotations

from collections.abc import Sequence

from mreg.values.errors import Failed, Incomplete, InvalidInput, NotFound, Refused


class BadUsage(Exception):
    """Arguments or options that do not go together, or a value that an option does not take. name: of the option or the
    argument, as people type it; empty where it is none in particular. Reported as the parser's own errors are."""

    def __init__(self, reason: str, *, name: str = "") -> None:
        super().__init__(reason)
        self.name = name


class UnknownCommand(InvalidInput):
    code = "unknown-command"
    template = "there is no command {name!r}"

    name: str
    near: Sequence[str]
    where: str


class UnknownTopic(InvalidInput):
    code = "unknown-topic"
    template = "there is no command or topic {name!r}"

    name: str
    near: Sequence[str]


class NoPaths(InvalidInput):
    code = "no-paths"
    template = "PATH... is missing"


class NoFolder(NotFound):
    code = "no-folder"
    template = "cannot enter {path!r}: {reason}"

    path: str
    reason: str


class NoWorkingFolder(NotFound):
    code = "no-working-folder"
    template = "the working folder no longer exists"


class OutputFailed(Incomplete):
    """The command had done its work before it printed."""

    code = "output-failed"
    template = "standard output cannot be written: {reason}"

    reason: str


class UnknownShell(InvalidInput):
    code = "unknown-shell"
    template = "there is no completion for the shell {name!r}"

    name: str


class ForeignScript(Refused):
    code = "foreign-script"
    template = "{path} exists already, and was not written by mreg"

    path: str


class NoPlace(Failed):
    code = "no-place"
    template = "there is no home folder, and {variable} is not set"

    variable: str
