"""How commands declare their arguments and options: as data, which two parsers read (`mreg.cli.plain` and
`mreg.cli.parser`), the documentation's generators too.

    def get(state: State, reference: ReferenceArgument, output: Annotated[str | None, Option("--output", "-o")] = None)
"""

from __future__ import annotations

from collections.abc import Callable
from types import NoneType, UnionType
from typing import Any

from mreg.values.named_tuple import NamedTuple


class _Declared:
    """metavar: what stands for the value. parse: makes the value of the text; raises ValueError. least: of a number."""

    def __init__(
        self,
        *,
        metavar: str | None = None,
        help: str = "",
        parse: Callable[[str], str] | None = None,
        least: int | None = None,
    ) -> None:
        self.metavar, self.help, self.parse, self.least = metavar, help, parse, least


class Option(_Declared):
    """An option of a command. names: as people type it."""

    def __init__(self, *names: str, **declared: Any) -> None:
        super().__init__(**declared)
        self.names = names


class Argument(_Declared):
    """An argument of a command."""


class Parameter(NamedTuple):
    """A parameter of a command's function. kind: str, int or bool. many: it takes a list of them. default: `...` where
    it must be given."""

    name: str
    declared: Option | Argument
    kind: type
    many: bool
    default: object

    @property
    def required(self) -> bool:
        return self.default is ...


def parameters(command: Callable[..., object]) -> list[Parameter]:
    """Those of a command's function but the first, which is the `State`. Without `inspect`, which takes longer to load
    than most commands run."""
    code: Any = command.__code__
    names = code.co_varnames[1 : code.co_argcount]
    defaults = command.__defaults__ or ()
    given = [...] * (len(names) - len(defaults)) + list(defaults)
    return [
        _parameter(name, command.__annotations__[name], default) for name, default in zip(names, given, strict=True)
    ]


def _parameter(name: str, annotation: Any, default: object) -> Parameter:
    kind, [declared] = annotation.__origin__, annotation.__metadata__
    if isinstance(kind, UnionType):
        [kind] = (one for one in kind.__args__ if one is not NoneType)
    many = getattr(kind, "__origin__", None) is list
    return Parameter(name, declared, kind.__args__[0] if many else kind, many, default)
