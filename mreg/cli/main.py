"""Building the command tree lazily, running it, and turning what went wrong into words and an exit code."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from functools import cache
from typing import Any, Literal

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption
from typer.main import get_command_from_info
from typer.models import CommandInfo

from mreg.cli import state
from mreg.cli.registry import COMMANDS, Entry

INTERRUPTED = 130

_MARKUP: Literal["rich"] = "rich"


def run(arguments: list[str]) -> int:
    """Run one command line; its exit code. Never raises."""
    state.reset()
    try:
        result = root().main(args=arguments, prog_name="mreg", standalone_mode=False)
        sys.stdout.flush()
        if result == INTERRUPTED:  # typer has turned Ctrl-C into this
            raise KeyboardInterrupt
        return result if isinstance(result, int) else 0
    except BaseException as error:  # the last line of defence: no traceback reaches a user
        from mreg.cli.messages import report

        return report(error, arguments)
    finally:
        state.current.close()


class Command(TyperCommand):
    """A command with the options that every command has."""

    def get_params(self, ctx: Any) -> list[Any]:
        *own, help_option = super().get_params(ctx)
        return [*own, *common_options(), help_option]


class Group(TyperGroup):
    """Commands that are loaded when they are run."""

    def __init__(self, name: str, help: str, entries: dict[str, Entry], **attributes: Any) -> None:
        super().__init__(name=name, help=help, rich_markup_mode=_MARKUP, no_args_is_help=True, **attributes)
        self._entries = entries

    def list_commands(self, ctx: Any) -> list[str]:
        return list(self._entries)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in self.commands and cmd_name in self._entries:
            self.commands[cmd_name] = _command(cmd_name, self._entries[cmd_name])
        return self.commands.get(cmd_name)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] not in self._entries:
            from mreg.cli.messages import UnknownCommand

            raise UnknownCommand(name=args[0], near=_near(args[0], list(self._entries)), where=ctx.command_path)
        return super().resolve_command(ctx, args)

    def get_params(self, ctx: Any) -> list[Any]:
        *own, help_option = super().get_params(ctx)
        return [*own, *common_options(), help_option]


def root() -> Group:
    """The whole command line."""
    return Group("mreg", "A model registry that needs no server.", COMMANDS, params=[_version_option()])


def _command(name: str, entry: Entry) -> Any:
    if entry.group is not None:
        group = Group(name, entry.help, entry.group)
        group.rich_help_panel = entry.panel
        return group
    module = importlib.import_module(f"mreg.cli.commands.{entry.module}")
    info = CommandInfo(name=name, cls=Command, callback=getattr(module, entry.function), short_help=entry.help)
    command = get_command_from_info(info, pretty_exceptions_short=True, rich_markup_mode=_MARKUP)
    command.rich_help_panel = entry.panel or None  # type: ignore[attr-defined]
    return command


def _near(word: str, words: list[str]) -> list[str]:
    from mreg.values.names import near

    return near(word, words)


@cache
def common_options() -> list[TyperOption]:
    """The options that stand before or behind every command's name.

    Always the same objects: by these the parser knows in which order options were given (`--no-color --help`).
    """
    return [
        _flag(["--json"], "Print one JSON document.", _set("json", True)),
        _flag(["-q", "--quiet"], "Print no notes and no progress.", _set("quiet", True)),
        _flag(["-v", "--verbose"], "Print more.", _set("verbose", True)),
        _flag(["--no-color"], "Print without colour.", _uncolor),
        _text(["-C"], "DIR", "Act as if started in DIR.", _enter),
        _text(["--repo"], "LOCATION", "The repository. Default: MREG_REPO, or the nearest .mreg upwards.", _choose),
    ]


def _version_option() -> TyperOption:
    def show(ctx: Any, param: Any, value: bool) -> None:
        if value:
            from mreg import __version__

            print(f"mreg {__version__}")
            raise typer.Exit

    return _flag(["--version"], "Print the version.", show)


def _flag(names: list[str], text: str, callback: Callable[..., None]) -> TyperOption:
    return TyperOption(
        param_decls=names,
        is_flag=True,
        default=False,
        expose_value=False,
        is_eager=True,
        help=text,
        callback=callback,
        rich_help_panel="Options of every command",
    )


def _text(names: list[str], metavar: str, text: str, callback: Callable[..., None]) -> TyperOption:
    return TyperOption(
        param_decls=names,
        metavar=metavar,
        expose_value=False,
        is_eager=True,
        help=text,
        callback=callback,
        rich_help_panel="Options of every command",
    )


def _set(field: str, value: bool) -> Callable[..., None]:
    def callback(ctx: Any, param: Any, given: bool) -> None:
        if given:
            setattr(state.current, field, value)

    return callback


def _uncolor(ctx: Any, param: Any, given: bool) -> None:
    if given:
        state.current.color = False
        os.environ["NO_COLOR"] = "1"  # what typer heeds when it shows the help, and a program that is started


def _enter(ctx: Any, param: Any, given: str | None) -> None:
    if given is not None:
        try:
            os.chdir(given)
        except OSError as error:
            from mreg.cli.messages import NoFolder

            raise NoFolder(path=given, reason=error.strerror or str(error)) from None


def _choose(ctx: Any, param: Any, given: str | None) -> None:
    if given is not None:
        state.current.repo = given
