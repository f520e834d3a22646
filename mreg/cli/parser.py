"""The parser of command lines; the command tree is built as far as it is needed.

Loading it is half of start-up: see `mreg.cli.plain`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from importlib import import_module
from types import GenericAlias
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command_from_info
from typer.models import CommandInfo

from mreg import cli
from mreg.cli.declared import Argument, Option, parameters
from mreg.cli.options import common_options, version_option
from mreg.cli.registry import COMMANDS, Entry


class Command(TyperCommand):
    """A command with the options that every command has."""

    def get_help(self, ctx: Any) -> str:
        _show_help(ctx)
        raise typer.Exit

    def get_params(self, ctx: Any) -> list[Any]:
        *own, help_option = super().get_params(ctx)
        return [*own, *common_options(), help_option]


class Group(TyperGroup):
    """Commands that are loaded when they are run."""

    def __init__(self, name: str, help: str, entries: dict[str, Entry], **attributes: Any) -> None:
        super().__init__(name=name, help=help, rich_markup_mode=None, **attributes)
        self._entries = entries

    def get_help(self, ctx: Any) -> str:
        _show_help(ctx)
        raise typer.Exit

    def parse_args(self, ctx: Any, args: list[str]) -> Any:
        if not args and not ctx.resilient_parsing:
            _show_help(ctx)
            raise typer.Exit(cli.exit_codes.USAGE)
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: Any) -> list[str]:
        return list(self._entries)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in self.commands and cmd_name in self._entries:
            self.commands[cmd_name] = _command(cmd_name, self._entries[cmd_name])
        return self.commands.get(cmd_name)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] not in self._entries:
            near = cli.other_words.command(args[0], list(self._entries), group=ctx.command_path.partition(" ")[2])
            raise cli.errors.UnknownCommand(name=args[0], near=near, where=ctx.command_path)
        return super().resolve_command(ctx, args)

    def get_params(self, ctx: Any) -> list[Any]:
        *own, help_option = super().get_params(ctx)
        return [*own, *common_options(), help_option]


def root() -> Group:
    """The whole command line."""
    return Group(
        "mreg",
        "A model registry that needs no server.",
        COMMANDS,
        params=[version_option()],
        context_settings={"help_option_names": ["-h", "--help"]},
    )


def _show_help(ctx: Any) -> None:
    _, _, words = ctx.command_path.partition(" ")
    cli.help.show.page(ctx.obj, words)


def _command(name: str, entry: Entry) -> Any:
    if entry.group is not None:
        group = Group(name, entry.help, entry.group)
        group.rich_help_panel = entry.panel
        return group
    module = import_module(f"mreg.cli.commands.{entry.module}")
    callback = _callback(getattr(module, entry.function))
    info = CommandInfo(name=name, cls=Command, callback=callback, short_help=entry.help)
    command = get_command_from_info(info, pretty_exceptions_short=True, rich_markup_mode=None)
    command.rich_help_panel = entry.panel or None  # type: ignore[attr-defined]
    return command


def _callback(command: Callable[..., object]) -> Callable[..., object]:
    """The function of a command as typer reads functions."""

    def run(ctx: typer.Context, **given: Any) -> object:
        return command(ctx.obj, **given)

    empty, kind = inspect.Parameter.empty, inspect.Parameter.POSITIONAL_OR_KEYWORD
    own = [
        inspect.Parameter(
            one.name,
            kind,
            default=empty if one.required else one.default,
            annotation=Annotated[GenericAlias(list, one.kind) if one.many else one.kind, _information(one.declared)],
        )
        for one in parameters(command)
    ]
    context = inspect.Parameter("ctx", kind, annotation=typer.Context)
    run.__signature__ = inspect.Signature([context, *own])  # type: ignore[attr-defined]
    run.__doc__ = command.__doc__
    return run


def _information(declared: Option | Argument) -> Any:
    common: Any = {"metavar": declared.metavar, "help": declared.help, "parser": declared.parse, "min": declared.least}
    return typer.Option(*declared.names, **common) if isinstance(declared, Option) else typer.Argument(**common)
