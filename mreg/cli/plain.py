"""Command lines that are right, understood without the parser: loading it takes longer than most commands run.

What is not plainly right is left to the parser: it tells mistakes, and knows rare spellings (`-qv`, `--`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from mreg import cli, lazy
from mreg.cli.common import COMMON, Common
from mreg.cli.declared import Argument, Parameter, parameters
from mreg.cli.registry import COMMANDS, Entry
from mreg.cli.state import State

_HELP = ("-h", "--help")
_FLAGS = {name: one.apply for one in COMMON for name in one.option.names if one.option.metavar is None}


class _Unclear(Exception):
    """It is for the parser."""


def understood(arguments: list[str], state: State) -> Callable[[], object] | None:
    """What runs the command; None where the parser has to read the line."""
    try:
        if any(word in _HELP for word in arguments):
            return _help(arguments, state)
        return _Line().read(arguments, state)
    except _Unclear:
        return None


def _help(arguments: list[str], state: State) -> Callable[[], object]:
    words = " ".join(word for word in arguments if not word.startswith("-"))
    flags = [word for word in arguments if word.startswith("-") and word not in _HELP]
    if not cli.help.show.is_page(words) or any(flag not in _FLAGS for flag in flags):
        raise _Unclear

    def run() -> None:
        for flag in flags:
            _FLAGS[flag](state, True)
        cli.help.show.page(state, words)

    return run


class _Line:
    """One command line, as far as it has been read."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = COMMANDS
        self._command: Callable[..., object] | None = None
        self._arguments: list[Parameter] = []
        self._options: dict[str, Common | Parameter] = {name: one for one in COMMON for name in one.option.names}
        self._words: list[str] = []
        self._common: list[tuple[Common, Any]] = []
        self._given: dict[str, Any] = {}

    def read(self, arguments: list[str], state: State) -> Callable[[], object]:
        """What runs it. Raises _Unclear."""
        rest = arguments[::-1]
        while rest:
            word = rest.pop()
            if word.startswith("-") and word != "-":
                self._option(word, rest)
            elif self._command is None:
                self._name(word)
            else:
                self._words.append(word)
        if self._command is None:
            raise _Unclear
        self._place()
        return partial(self._run, self._command, state)

    def _run(self, command: Callable[..., object], state: State) -> object:
        for one, value in self._common:
            one.apply(state, value)
        return command(state, **self._given)

    def _name(self, word: str) -> None:
        entry = self._entries.get(word)
        if entry is None:
            raise _Unclear
        if entry.group is not None:
            self._entries = entry.group
            return
        self._command = getattr(lazy.load(f"mreg.cli.commands.{entry.module}"), entry.function)
        for one in parameters(self._command):
            if isinstance(one.declared, Argument):
                self._arguments.append(one)
            else:
                self._options.update(dict.fromkeys(one.declared.names, one))

    def _option(self, word: str, rest: list[str]) -> None:
        name, joined, value = word.partition("=") if word.startswith("--") else (word, "", "")
        known = self._options.get(name)
        if known is None:
            raise _Unclear
        if _is_flag(known):
            if joined:
                raise _Unclear
        elif not joined:
            if not rest:
                raise _Unclear
            value = rest.pop()
        if isinstance(known, Common):
            self._common.append((known, _is_flag(known) or value))
        elif known.many:
            self._given.setdefault(known.name, []).append(_value(known, value))
        elif known.name in self._given:
            raise _Unclear
        else:
            self._given[known.name] = known.kind is bool or _value(known, value)

    def _place(self) -> None:
        """The words as arguments. Raises _Unclear where there are too many, or something is missing."""
        words = self._words
        for one in self._arguments:
            if one.many:
                taken, words = words, []
                if taken:
                    self._given[one.name] = [_value(one, word) for word in taken]
            elif words:
                self._given[one.name], words = _value(one, words[0]), words[1:]
        parsed = [*self._arguments, *(one for one in self._options.values() if isinstance(one, Parameter))]
        if words or any(one.required and one.name not in self._given for one in parsed):
            raise _Unclear


def _is_flag(one: Common | Parameter) -> bool:
    return one.option.metavar is None if isinstance(one, Common) else one.kind is bool


def _value(one: Parameter, text: str) -> Any:
    declared = one.declared
    try:
        if one.kind is int:
            number = int(text)  # fails for 5,000 digits, too
            if not (text.isascii() and text.isdecimal()) or number < (declared.least or 0):
                raise _Unclear
            return number
        return text if declared.parse is None else declared.parse(text)
    except ValueError:
        raise _Unclear from None
