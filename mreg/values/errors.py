"""Every error that mreg raises on purpose.

An error is a class with a stable `code`, the facts of the case as attributes, and the sentence that
`str()` gives. Its kind (one of the six bases below) says what a caller can do about it, and becomes the
exit code on the command line. Hints that name commands belong to `mreg.cli`, not here.
"""

from __future__ import annotations

from typing import Any, ClassVar


class MregError(Exception):
    """Base of all. `facts` holds what the sentence was made of; each fact is an attribute too."""

    code: ClassVar[str] = "failed"
    template: ClassVar[str] = "{message}"

    def __init__(self, **facts: Any) -> None:
        self.facts = facts
        super().__init__(self.template.format(**facts))

    def __getattr__(self, name: str) -> Any:
        # Only reached when normal look-up failed: a fact, or really absent.
        facts = self.__dict__.get("facts", {})
        if name in facts:
            return facts[name]
        raise AttributeError(name)

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (type(self), self.facts))


def _rebuild(kind: type[MregError], facts: dict[str, Any]) -> MregError:
    return kind(**facts)


class Failed(MregError):
    """Input/output or the machine failed; nothing of the repository changed."""


class InvalidInput(MregError):
    """What the caller gave cannot be meant; asking again the same way fails again."""

    code = "invalid-input"


class NotFound(MregError):
    """The thing named does not exist. `near` lists the nearest names that do."""

    code = "not-found"


class Conflict(MregError):
    """Somebody was faster, or an expectation did not hold. Nothing changed; safe to repeat."""

    code = "conflict"


class Damaged(MregError):
    """Bytes in the repository are not what they were when written."""

    code = "damaged"


class Refused(MregError):
    """A rule forbids it."""

    code = "refused"
