"""What the parser finds wrong with a command line, in the words of mreg."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from mreg.cli.guesses import command_of
from mreg.cli.help.data import PAGES
from mreg.values.names import near

_RANGE = re.compile(r"(\S+) is not in the range x>=(\S+?)\.?$")
_NUMBER = re.compile(r" is not a valid int(?:eger)?(?: range)?\.$")
_OPTIONAL = re.compile(r"^\[(.*)\](?:\.\.\.)?$")
_EXTRA = re.compile(r"Got unexpected extra arguments?(?:\(s\))? \((.*)\)$", re.DOTALL)


def explain(error: Any, arguments: Sequence[str]) -> tuple[str, str]:
    """The message of an error of the parser, and a hint."""
    context = getattr(error, "ctx", None)
    words = context.command_path.partition(" ")[2] if context else command_of(arguments)
    see = f"see `mreg {words} --help`" if words else "see `mreg --help`"
    match type(error).__name__:
        case "NoSuchOption":
            return f"there is no option {error.option_name}", _nearest_option(error.option_name, context) or see
        case "MissingParameter":
            usage = PAGES[words][0] if words in PAGES else ""
            return f"{_name_of(error)} is missing", f"write `{usage}`; {see}" if usage else see
        case "BadOptionUsage":
            needs = "takes no value" if "not take" in error.message else "needs a value"
            return f"{error.option_name} {needs}", see
        case "BadUsage":
            return (f"{error.name}: {error}" if error.name else str(error)), see
        case "BadParameter":
            name = _name_of(error)
            return f"{name}: {_reason(error.message)}" if name else _reason(error.message), see
    message = error.format_message() if hasattr(error, "format_message") else str(error)
    if found := _EXTRA.match(message):
        return f"too many arguments: {found[1]}", see
    return _reason(message), see


def _name_of(error: Any) -> str:
    """The option or the argument, as in the help."""
    if error.param_hint is not None:
        return str(error.param_hint)
    parameter = error.param
    if parameter is None:
        return ""
    metavar = _OPTIONAL.sub(r"\1", parameter.metavar or "").removesuffix("...")
    if parameter.param_type_name == "argument":
        return metavar or str(parameter.name).upper()
    return (
        f"{max(parameter.opts, key=len)} {metavar}".rstrip()
        if type(error).__name__ == "MissingParameter"
        else max(parameter.opts, key=len)
    )


def _nearest_option(typed: str, context: Any) -> str:
    if context is None:
        return ""
    parameters = context.command.get_params(context)
    if typed == "--at" and any(one.name == "reference" for one in parameters):
        return "`mreg resolve REFERENCE --at TIME` prints the version at that time"
    known = [name for one in parameters for name in one.opts if name.startswith("-")]
    found = near(typed, known)
    return "did you mean " + " or ".join(f"`{name}`" for name in found) + "?" if found else ""


def _reason(text: str) -> str:
    """A sentence of the parser as the part of a sentence."""
    if found := _RANGE.match(text):
        return f"{found[1]} is less than {found[2]}"
    text = _NUMBER.sub(" is not a whole number", text).removesuffix(".")
    return text[:1].lower() + text[1:]
