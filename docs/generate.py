"""Make docs/reference.md from the code. `make docs` runs it; a test fails where the page is stale."""

from __future__ import annotations

import importlib
import pkgutil
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from command_examples import EXAMPLES

import mreg
from mreg.cli import exit_codes as codes
from mreg.cli.options import common_options
from mreg.cli.parser import root
from mreg.session import config, trust
from mreg.values import names
from mreg.values.digest import HEX_LENGTH, MIN_PREFIX
from mreg.values.errors import Conflict, Damaged, Failed, Incomplete, InvalidInput, MregError, NotFound, Refused, Unmet
from mreg.values.hints import DAMAGE_HINT, HINTS

PAGE = Path(__file__).parent / "reference.md"

KINDS = (Incomplete, Failed, InvalidInput, NotFound, Unmet, Conflict, Damaged, Refused)

# What the command line reports beside the errors of the library.
OTHER_CODES = [
    ("io-error", "", codes.FAILED, "the machine's own words: the disk is full, permission denied, …", ""),
    ("unexpected", "", codes.FAILED, "an unexpected error: …", "a bug in mreg; `MREG_DEBUG=1` shows the details"),
    ("usage", "", codes.USAGE, "what is wrong with the command line", "see `mreg … --help`"),
    ("interrupted", "", codes.INTERRUPTED, "interrupted", "no change and no file was left half-done; run it again"),
]

ENVIRONMENT = {
    "MREG_REPO": "The repository, unless `--repo` is given. mreg then does not look for a `.mreg` in the "
    "working folder or above. Also where `mreg init` creates one, unless it is given a folder.",
    "MREG_CACHE": "The cache folder. Default: `$XDG_CACHE_HOME/mreg` or `~/.cache/mreg`; on macOS "
    "`~/Library/Caches/mreg`.",
    "MREG_AUTHOR": "Author recorded in the history and in new versions. Default: the account's name.",
    "MREG_SAFE": "Repositories of other people that may be written to, in addition to those in the user's setting "
    "`safe.directory`: paths separated by `:`, or `*`.",
    "XDG_CONFIG_HOME": "The user's settings are in `mreg/config.toml` below it, the completion of fish in `fish`. "
    "Default: `~/.config`.",
    "XDG_DATA_HOME, BASH_COMPLETION_USER_DIR": "For bash and zsh, `mreg completion --install` writes below it. "
    "Default: `~/.local/share`. The second is for bash only, and takes precedence.",
    "WANDB_CACHE_DIR": "W&B's cache, in which `mreg import` looks for the files of offline runs.",
    "WANDB_DATA_DIR": "W&B's own folder, in which `mreg import` looks for the files of offline runs.",
    "WANDB_RUN_ID": "The id of the run that `wandb.init()` of `mreg.integrations` starts, unless it is given one.",
    "SUDO_UID": "For root: repositories of this account count as its own.",
    "MREG_DEBUG": "`1`: also show the traceback of an error.",
    "COLUMNS": "Overrides the width of the terminal.",
    "TERM": "`dumb`: no colour.",
    "NO_COLOR": "Set to anything: no colour, as with `--no-color`.",
    "VISUAL, EDITOR": "The editor that `mreg card --edit` starts; without both, `vi`.",
    "TMPDIR": "Where temporary files go, such as a bundle that arrives through a pipe. Default: `/tmp`.",
    "AWS_*, GOOGLE_*, AZURE_*": "Credentials, region and address of a bucket: see [buckets](buckets.md).",
}

INTRODUCTION = """\
# Reference

*Made from the code by `make docs`; do not edit.*

    mreg [OPTIONS] COMMAND [OPTIONS] [ARGUMENTS]

Data goes to standard output, everything else (notes, progress, errors) to standard error. On a terminal, lists are
tables with headings; elsewhere they are tab-separated lines without headings or colour. Text never breaks out of its
column: line breaks, tabs and other control characters in names, messages and metadata are shown as `\\n`, `\\t` and
`\\x1b`. `--json` gives such texts exactly; it escapes control characters and bidirectional marks as `\\uXXXX`.
[json.md](json.md) describes what `--json` prints.

An output folder (`get -o`, `export`, `html`, `clone`, `mirror`, `init`) is created together with its parents, as
`mkdir -p` does. The parent folder of an output file (`html report.html`, `metrics --svg`, `bundle create`) must exist,
as with `>` in a shell.
"""

GRAMMAR = f"""\
## Names and references

    REFERENCE := NAME[:SELECTOR]
    SELECTOR  := vN | ALIAS | latest | @DIGEST

| word | grammar |
| --- | --- |
| `NAME` | of an artifact, a registered model or a run: letters and digits of any script, `.`, `_` and `-`, at most \
{names.MAX_LENGTH} characters and {names.MAX_BYTES} bytes of UTF-8 ([which exactly](format.md#2-names)); the first \
is not `.` or `-`, the last is not `.`; it does not end in `.lock`, and is not a name that Windows reserves (`con`, \
`nul`, `com1`, …, also before a dot). Names are normalized to NFC. Artifacts and registered \
models share one namespace, in which names that differ only in case are the same. In a repository of format 1 the \
letters are `A-Z a-z` |
| `ALIAS` | a name that is not `latest`, and not `v` or `V` (also full-width) followed by digits. Two aliases \
of a collection never differ only in case |
| `vN` | a small v and a number without leading zeros. Of an artifact: its version of this number. Of a registered \
model: its link of this number |
| `latest` | the highest number that is not deleted; a bare `NAME` means the same |
| `@DIGEST` | the first {MIN_PREFIX} to {HEX_LENGTH} hex digits of a version's digest |
| `TAG` | words of letters and digits of any script, `_` and `-`, with single spaces between them; at most \
{names.MAX_LENGTH} characters |
| `AGE` | a number and a unit: `90s`, `15m`, `2h`, `14d`, `1w`; without a unit, seconds |
| `GLOB` | a pattern as in `.gitignore` |

`REMOTE/NAME` and `REMOTE/NAME:SELECTOR` refer to versions in a [remote](remotes.md); many commands that
only read accept them.
"""

AFTER_FAILURE = """\
A command that exits with 2, 3, 4, 6 or 7 has changed nothing, but these pieces of finished work are kept: packs that
`gc --repack` has rewritten, packs that a transfer has sent, and entries that `mirror` has copied. A command that failed
or was interrupted has made its change completely or not at all. An error of the kind `Incomplete` says that the change
was made (with `unsure-write`: may have been made), and what failed afterwards, such as `uncertain` (it may not survive
a power failure) or `unfinished` (gc could not delete everything). `fsck` exits with 5 if it finds damage.
"""


def page() -> str:
    """The whole page."""
    parts = [INTRODUCTION, common(), GRAMMAR, exit_codes(), *commands(), settings(), environment(), errors()]
    return "\n".join(part.rstrip("\n") + "\n" for part in parts)


def common() -> str:
    return "## Options of every command\n\nGiven before or after the command's name.\n\n" + options_table(
        common_options()
    )


def exit_codes() -> str:
    rows = [(str(code), meaning) for code, meaning in codes.MEANINGS.items()]
    text = "## Exit codes\n\n" + table(("code", "meaning"), rows)
    return text + "\n" + AFTER_FAILURE


def commands() -> Iterator[str]:
    """A section for each panel of the help, and in it one for each command."""
    group = root()
    context = group.make_context("mreg", [], resilient_parsing=True)
    found = list(walk(group, context, ()))
    panels = dict.fromkeys(panel for panel, _, _, _ in found)
    for wanted in panels:
        yield f"## {wanted}\n"
        for panel, words, command, inner in found:
            if panel == wanted:
                yield section(words, command, inner)


def walk(
    group: Any, context: Any, above: tuple[str, ...], panel: str = ""
) -> Iterator[tuple[str, tuple[str, ...], Any, Any]]:
    """Every command that does something: its panel, the words to type, it, and its context."""
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        inner = command.make_context(name, [], parent=context, resilient_parsing=True)
        here = panel or command.rich_help_panel
        if hasattr(command, "list_commands"):
            yield from walk(command, inner, (*above, name), here)
        else:
            yield here, (*above, name), command, inner


def section(words: tuple[str, ...], command: Any, context: Any) -> str:
    own = own_parameters(command, context)
    arguments = [parameter for parameter in own if parameter.param_type_name == "argument"]
    options = [parameter for parameter in own if parameter.param_type_name == "option"]
    parts = [f"### mreg {' '.join(words)}\n\n    {usage(words, arguments, options)}\n", paragraphs(command.help or "")]
    if arguments:
        rows = [(f"`{bare(argument)}`", argument.help or "") for argument in arguments]
        parts.append(table(("argument", ""), rows))
    if options:
        parts.append(options_table(options))
    if examples := EXAMPLES.get(" ".join(words)):
        parts.append("\n".join(f"    {line}" for line in examples) + "\n")
    return "\n".join(parts)


def usage(words: tuple[str, ...], arguments: list[Any], options: list[Any]) -> str:
    """How the command is typed."""
    required = [required_option(option) for option in options if option.required]
    parts = ["mreg", *words, *map(usage_of, arguments), *required, *["[OPTIONS]"] * (len(options) > len(required))]
    return " ".join(parts)


def own_parameters(command: Any, context: Any) -> list[Any]:
    """The command's parameters without those that every command has."""
    shared = {option.name for option in common_options()} | {"help"}
    return [parameter for parameter in command.get_params(context) if parameter.name not in shared]


def usage_of(argument: Any) -> str:
    return str(argument.metavar)


def bare(argument: Any) -> str:
    """The argument's name, without the brackets around what may be left out."""
    return re.sub(r"^\[(.*)\](\.\.\.)?$", r"\1\2", usage_of(argument))


def required_option(option: Any) -> str:
    return f"{option.opts[0]} {value_of(option)}"


def value_of(option: Any) -> str:
    """What stands behind the option, or nothing."""
    return "" if option.is_flag else str(option.metavar or option.opts[0].lstrip("-").upper())


def options_table(options: list[Any]) -> str:
    rows = []
    for option in options:
        spelled = ", ".join(sorted(option.opts, key=len))
        rows.append((f"`{f'{spelled} {value_of(option)}'.rstrip()}`", help_of(option)))
    return table(("option", ""), rows)


def help_of(option: Any) -> str:
    notes = ["Required."] if option.required else []
    default = option.default
    if option.show_default and default is not None and default is not False and default != "":
        notes.append(f"Default: `{default}`.")
    return " ".join([option.help or "", *notes])


def settings() -> str:
    rows = [
        (f"`{name}`", f"`{text}`" if (text := value_text(setting.default)) else "none", setting.meaning)
        for name, setting in sorted(config.SETTINGS.items())
    ]
    text = "## Settings\n\nOf the repository; read and changed with `mreg config`.\n\n"
    own = [(f"`{name}`", meaning) for name, meaning in trust.USER_SETTINGS.items()]
    yours = "\n## Your own settings\n\nRead and changed with `mreg config --user`.\n\n"
    return text + table(("setting", "default", "meaning"), rows) + yours + table(("setting", "meaning"), own)


def value_text(value: Any) -> str:
    """As `mreg config set` takes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return " ".join(value) if isinstance(value, list) else str(value)


def environment() -> str:
    rows = [(", ".join(f"`{word}`" for word in name.split(", ")), text) for name, text in ENVIRONMENT.items()]
    return "## Environment variables\n\n" + table(("variable", "meaning"), rows)


def errors() -> str:
    """One row for each code that an error can have."""
    rows = {code: (exit_code, code, kind, text, hint) for code, kind, exit_code, text, hint in OTHER_CODES}
    for error in error_classes():
        kind = next(kind for kind in KINDS if issubclass(error, kind))
        hint = HINTS.get(error.code, DAMAGE_HINT if kind is Damaged else "")
        rows.setdefault(error.code, (codes.of(error), error.code, kind.__name__, error.template, hint))
    cells = [
        (f"`{code}`", str(exit_code), kind and f"`{kind}`", placeholders(text) or "(depends)", placeholders(hint))
        for exit_code, code, kind, text, hint in sorted(rows.values())
    ]
    text = (
        "## Error codes\n\nWith `--json`, an error is one JSON document on standard error, "
        '`{"error": {"code", "message", "hint", …}}`; the other keys are the facts of the message, here in capitals. '
        "Codes do not change between releases; messages may. In Python each is an exception of the kind shown, "
        "with the facts as attributes. Where an unknown name has near ones, the hint is `did you mean …?`.\n\n"
    )
    return text + table(("code", "exit", "kind", "message", "hint"), cells)


def error_classes() -> list[type[MregError]]:
    """All that mreg defines, once every module of it is loaded."""
    for module in pkgutil.walk_packages(mreg.__path__, "mreg."):
        if not module.name.startswith(("mreg.testing", "mreg.__main__")):
            try:
                importlib.import_module(module.name)
            except ImportError as error:  # callbacks of frameworks, which define no errors
                if module.name.split(".")[1] != "integrations" or (error.name or "").startswith("mreg"):
                    raise
    waiting, found = [MregError], []
    while waiting:
        error = waiting.pop()
        waiting += error.__subclasses__()
        if error is not MregError and error.__module__.startswith("mreg."):
            found.append(error)
    return found


def placeholders(text: str) -> str:
    """`{name!r}` as readers see it: NAME, or [NAME] where it follows a word directly, since it may be empty there."""
    if text == MregError.template:
        return ""
    text = re.sub(r"(?<=[\w}]{2})\{(\w+)\}", r" [{\1}]", text)
    return re.sub(r"\{(\w+)[^}]*\}", lambda match: match[1].upper(), text)


def paragraphs(text: str) -> str:
    """The help text, one line a paragraph."""
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n")) + "\n"


def table(headings: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [headings, ("---",) * len(headings), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE.name}")
