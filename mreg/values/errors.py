"""Every error that mreg raises on purpose.

An error is a class with a stable `code`, the facts of the case as attributes, and the sentence that `str()` gives.
Its kind (one of the six bases below) says what a caller can do about it, and becomes the exit code on the command
line. What to do about it is in `mreg.values.hints`, loaded only when somebody asks for it.

A class declares its facts as annotated attributes. A type checker makes the constructor of them, so that a fact that
is missing, of another type or not declared is found before anything runs; at run time nothing is checked or generated:

    class UnknownFile(NotFound):
        code = "unknown-file"
        template = "{version} has no file {path!r}"

        version: str
        path: str

    raise UnknownFile(version="mnist:v3", path="modle.pt", near=["model.pt"])
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, dataclass_transform

from mreg import values

__all__ = [
    "Conflict",
    "Damaged",
    "Failed",
    "Incomplete",
    "InvalidInput",
    "MregError",
    "NotFound",
    "Refused",
    "Unmet",
]


@dataclass_transform(kw_only_default=True, eq_default=False)
class MregError(Exception):
    """Base of all. `facts` holds what the sentence was made of; each fact is an attribute too."""

    code: ClassVar[str] = "failed"
    template: ClassVar[str] = "{message}"

    if TYPE_CHECKING:
        facts: dict[str, Any]

        def __init__(self) -> None: ...  # of a class that declares no facts

        def __getattr__(self, name: str) -> Any: ...  # whoever catches a kind may ask for the facts of any class of it
    else:

        def __init__(self, **facts):
            self.facts = facts
            self.__dict__.update(facts)
            super().__init__(self.template.format(**facts))

        @cached_property
        def __notes__(self):
            """What a traceback shows below the error."""
            return [f"hint: {self.hint}"] if self.hint else []

    @property
    def hint(self) -> str:
        """What to do about it, in the words of the command line; empty where there is nothing to say."""
        return values.hints.hint_of(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (type(self), self.facts))


def _rebuild(kind: Callable[..., MregError], facts: dict[str, Any]) -> MregError:
    return kind(**facts)


class Failed(MregError):
    """Input, output or the machine failed. Nothing changed, unless it is `Incomplete`."""


class Incomplete(Failed):
    """The change was made, or a part of it that is whole by itself, and then something that belongs to it failed. Look
    before you repeat it: that may make the change a second time."""

    code = "incomplete"


class InvalidInput(MregError):
    """The input is invalid: the same call fails again. Nothing changed."""

    code = "invalid-input"


class NotText(InvalidInput):
    """Only Python callers can meet it."""

    code = "not-text"
    template = "{what} must be a string, not {type}"

    what: str
    type: str


def check_text(value: object, what: str) -> None:
    """What is not a text would be written all the same, and could not be read again. Raises NotText."""
    if not isinstance(value, str):
        raise NotText(what=what, type=type(value).__name__)


class NotFound(MregError):
    """The thing named does not exist; `near`, where there is one, lists the nearest names that do. Nothing changed."""

    code = "not-found"

    near: Sequence[str] = ()


class Conflict(MregError):
    """Somebody was faster. Nothing changed (of `gc --repack`: since its last entry), so that repeating the call does
    no harm; it succeeds once what was in the way has gone. Except for `Unmet`, which repeating does not cure."""

    code = "conflict"


class Unmet(Conflict):
    """A condition that the caller gave does not hold. Nothing changed, and the same call fails again until somebody
    else makes the condition true."""

    code = "unmet"


class Damaged(MregError):
    """Bytes in the repository are not what they were when written."""

    code = "damaged"

    reason: str


class Refused(MregError):
    """A rule forbids it. Nothing changed."""

    code = "refused"


# Of files that the caller names, whatever they are named for.


class MissingPath(NotFound):
    code = "missing-path"
    template = "there is no file or folder {path!r}"

    path: str


class UnreadableFile(Failed):
    code = "unreadable-file"
    template = "cannot read {path!r}: {reason}"

    path: str
    reason: str
