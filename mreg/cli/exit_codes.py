"""The exit codes of the command line and their meanings, in one table."""

from __future__ import annotations

from mreg.values.errors import Conflict, Damaged, InvalidInput, MregError, NotFound, Refused, Unmet

DONE = 0
FAILED = 1
USAGE = 2
NOT_FOUND = 3
CONFLICT = 4
DAMAGED = 5
REFUSED = 6
UNMET = 7
INTERRUPTED = 130
UNREAD = 141

MEANINGS: dict[int, str] = {
    DONE: "done",
    FAILED: "failed: input or output, or an unexpected error",
    USAGE: "wrong usage",
    NOT_FOUND: "not found",
    CONFLICT: "conflict: another writer was faster; nothing changed, the same command may succeed if repeated",
    DAMAGED: "damaged data found",
    REFUSED: "refused by a rule",
    UNMET: "a condition that you gave does not hold (`--expect`, `--where`, `--exit-code`); nothing changed, and "
    "repeating does not help",
    INTERRUPTED: "interrupted (Ctrl-C); 143 by SIGTERM, 129 by SIGHUP",
    UNREAD: "the reader of the output closed it (`mreg ls | head`)",
}

_KINDS: dict[type[MregError], int] = {
    InvalidInput: USAGE,
    NotFound: NOT_FOUND,
    Unmet: UNMET,  # also a Conflict
    Conflict: CONFLICT,
    Damaged: DAMAGED,
    Refused: REFUSED,
}


def of(error: type[MregError]) -> int:
    """The exit code of an error of this class."""
    return next((code for kind, code in _KINDS.items() if issubclass(error, kind)), FAILED)
