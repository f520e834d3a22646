"""The options that every command has, and `--version`, as the parser has them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import typer
from typer.core import TyperOption

import mreg
from mreg.cli.common import COMMON, Common
from mreg.cli.declared import Option


@cache
def common_options() -> list[TyperOption]:
    """The options that may be given before or after every command's name.

    Always the same objects: by these the parser knows the order in which options were given (`--no-color --help`).
    """
    return [_eager(one.option, _applied(one)) for one in COMMON]


def version_option() -> TyperOption:
    def show(ctx: Any, param: Any, value: bool) -> None:
        if value:
            print(f"mreg {mreg.__version__}")
            raise typer.Exit

    return _eager(Option("--version", help="Print the version."), show)


def _eager(option: Option, callback: Callable[..., None]) -> TyperOption:
    flag = option.metavar is None
    return TyperOption(
        param_decls=list(option.names),
        is_flag=flag or None,
        default=False if flag else None,
        metavar=option.metavar,
        expose_value=False,
        is_eager=True,
        help=option.help,
        callback=callback,
        rich_help_panel="Options of every command",
    )


def _applied(one: Common) -> Callable[..., None]:
    def callback(ctx: Any, param: Any, given: Any) -> None:
        if given is not None and given is not False:
            one.apply(ctx.obj, given)

    return callback
