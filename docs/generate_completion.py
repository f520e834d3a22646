"""Make mreg/cli/completion/data.py from the code. `make docs` runs it; a test fails where the file is stale."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import generate

from mreg.cli.options import common_options, version_option
from mreg.cli.parser import root
from mreg.cli.registry import COMMANDS
from mreg.session import config

MODULE = Path(__file__).parent.parent / "mreg" / "cli" / "completion" / "data.py"

# What completes a parameter: by command and parameter, else by parameter, else by the word that stands for its value.
KINDS = {
    "log --artifact": "artifact",
    "log --link": "model alias",
    "config get NAME": "setting",
    "config set NAME": "setting",
    "tag rm TAG": "tag of model",
    "cat FILE": "member",
    "artifact create ARTIFACT": "",
    "model create MODEL": "",
    "help COMMAND|TOPIC": "topic",
    "remote rm NAME": "remote name",
    "remote set NAME": "remote name",
    "pull REMOTE[/REFERENCE]": "remote",
    "REMOTE": "remote",
    "--sort": "sort key",
    "A": "side",
    "ALIAS": "alias",
    "ARTIFACT": "artifact",
    "B": "side",
    "DIR": "folders",
    "EXPR": "expression",
    "FILE": "files",
    "ID": "run",
    "KEY": "key",
    "KEY[,KEY]": "key",
    "KEY=VALUE": "assignment",
    "LOCATION": "folders",
    "MODEL": "model",
    "MODEL:ALIAS": "model alias",
    "MODEL:vN": "link",
    "MODEL[:ALIAS]": "model alias",
    "NAME": "name",
    "PATH": "files",
    "REFERENCE": "reference",
    "TAG": "tag",
}
NOTHING = "-"
"""The kind of a value that can be anything."""

HEAD = '''\
"""What shell completion must know of the command line. Made from the code by `make docs`; do not edit.

Each command, by its words: what it does, its options, and the kinds of its arguments. A kind that ends with `*` is that
of all further arguments. An option: the kind of its value (nothing where it takes none), and what it does. The kinds
are those of `mreg.cli.completion.sources`; `-` stands for a value that can be anything.
"""
# fmt: off

from __future__ import annotations

TYPE_CHECKING = False  # as `typing` has it, without loading that

if TYPE_CHECKING:
    Options = dict[str, tuple[str, str]]
'''


def text() -> str:
    """The whole module."""
    lines = [HEAD, "COMMON: Options = {", *options("", [*common_options(), help_option()]), "}", ""]
    lines += ["COMMANDS: dict[str, tuple[str, Options, tuple[str, ...]]] = {"]
    lines += entry("", "", options("", [version_option()]), ())
    for words, command, context in commands():
        above, _, _ = words.rpartition(" ")
        if above and f"    {above!r}: " not in "\n".join(lines):
            lines += entry(above, COMMANDS[above].help, [], ())
        own = generate.own_parameters(command, context)
        arguments = [one for one in own if one.param_type_name == "argument"]
        kinds = tuple(argument_kind(words, one) for one in arguments)
        found = [one for one in own if one.param_type_name == "option" and not one.hidden]
        lines += entry(words, summary(words), options(words, found), kinds)
    lines += ["}", "", "SETTINGS = {"]
    lines += [f"    {name!r}: {setting.meaning!r}," for name, setting in sorted(config.SETTINGS.items())]
    return "\n".join([*lines, "}", ""])


def commands() -> Iterator[tuple[str, Any, Any]]:
    """Every command that does something, by its words."""
    group = root()
    for _, words, command, context in generate.walk(group, group.make_context("mreg", [], resilient_parsing=True), ()):
        if not command.hidden:
            yield " ".join(words), command, context


def summary(words: str) -> str:
    first, _, second = words.partition(" ")
    entry = COMMANDS[first]
    return entry.group[second].help if entry.group else entry.help


def entry(words: str, help: str, options: list[str], kinds: tuple[str, ...]) -> list[str]:
    return [f"    {words!r}: ({help!r}, {{", *(f"    {line}" for line in options), f"    }}, {kinds!r}),"]


def options(words: str, found: list[Any]) -> list[str]:
    return [
        f"    {spelt!r}: ({option_kind(words, one)!r}, {generate.help_of(one)!r}),"
        for one in found
        for spelt in sorted(one.opts, key=len, reverse=True)
    ]


def help_option() -> Any:
    command = root()
    return command.get_params(command.make_context("mreg", [], resilient_parsing=True))[-1]


def option_kind(words: str, option: Any) -> str:
    return "" if option.is_flag else kind(words, option.opts[0], option) or NOTHING


def argument_kind(words: str, argument: Any) -> str:
    name = generate.bare(argument).removesuffix("...")
    return (kind(words, name, argument) or NOTHING) + "*" * (argument.nargs == -1)


def kind(words: str, name: str, parameter: Any) -> str:
    value = generate.value_of(parameter) if parameter.param_type_name == "option" else name
    for key in (f"{words} {name}", name, value):
        if key in KINDS:
            return KINDS[key]
    choices = [word for word in value.split("|") if word.isalpha() and word.islower()]
    return f"|{'|'.join(choices)}" if choices and "|" in value else ""


if __name__ == "__main__":
    MODULE.write_text(text(), encoding="utf-8")
    print(f"wrote {MODULE.name}")
