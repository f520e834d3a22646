"""Make mreg/cli/help/data.py from the code and docs/command_examples.py. `make docs` runs it; a test fails where the
file is stale."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import command_examples
import generate
import generate_completion

from mreg.cli.options import common_options, version_option
from mreg.cli.registry import COMMANDS

MODULE = Path(__file__).parent.parent / "mreg" / "cli" / "help" / "data.py"

HEAD = '''\
"""The help of every command. Made from the code by `make docs`; do not edit.

Each command, by its words: usage, paragraphs, commands below it, arguments, options, examples.
"""
# fmt: off

from __future__ import annotations

TYPE_CHECKING = False  # as `typing` has it, without loading that

if TYPE_CHECKING:
    Rows = tuple[tuple[str, str], ...]
    Page = tuple[str, tuple[str, ...], Rows, Rows, Rows, tuple[str, ...]]
'''


def text() -> str:
    """The whole module."""
    lines = [HEAD, "COMMON: Rows = ("]
    everywhere = [*common_options(), generate_completion.help_option()]
    lines += [f"    {row(option)!r}," for option in [*everywhere, version_option()]]
    lines += [")", "", "PAGES: dict[str, Page] = {"]
    above = ""
    for words, command, context in generate_completion.commands():
        first, _, below = words.partition(" ")
        if below and first != above:
            above = first
            lines += group(first)
        lines += page(words, command, context)
    return "\n".join([*lines, "}", ""])


def group(name: str) -> list[str]:
    entry = COMMANDS[name]
    assert entry.group is not None
    rows = tuple((word, below.help) for word, below in entry.group.items())
    return entry_of(name, f"mreg {name} COMMAND", (entry.help,), rows, (), (), ())


def page(words: str, command: Any, context: Any) -> list[str]:
    own = generate.own_parameters(command, context)
    arguments = [one for one in own if one.param_type_name == "argument"]
    options = [one for one in own if one.param_type_name == "option" and not one.hidden]
    paragraphs = tuple(" ".join(part.split()) for part in (command.help or "").split("\n\n"))
    return entry_of(
        words,
        generate.usage(tuple(words.split()), arguments, options),
        paragraphs,
        (),
        tuple((generate.bare(one), one.help or "") for one in arguments),
        tuple(map(row, options)),
        tuple(command_examples.EXAMPLES.get(words, ())),
    )


def row(option: Any) -> tuple[str, str]:
    """An option as people type it, and what it does."""
    short = [name for name in option.opts if not name.startswith("--")]
    long = [name for name in option.opts if name.startswith("--")]
    spelt = ", ".join([*short, *long]) if short else f"    {', '.join(long)}"
    return f"{spelt} {generate.value_of(option)}".rstrip(), generate.help_of(option)


def entry_of(words: str, *parts: Any) -> list[str]:
    return [f"    {words!r}: (", *(line for part in parts for line in part_of(part)), "    ),"]


def part_of(part: Any) -> list[str]:
    """One thing per line."""
    if isinstance(part, str) or not part:
        return [f"        {part!r},"]
    return ["        (", *(f"            {one!r}," for one in part), "        ),"]


if __name__ == "__main__":
    MODULE.write_text(text(), encoding="utf-8")
    print(f"wrote {MODULE.name}")
