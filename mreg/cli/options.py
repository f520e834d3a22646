"""The options that every command has, and `--version`."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from typing import Any

import typer
from typer.core import TyperOption

import mreg
from mreg import cli
from mreg.cli.state import State


@cache
def common_options() -> list[TyperOption]:
    """The options that may be given before or after every command's name.

    Always the same objects: by these the parser knows the order in which options were given (`--no-color --help`).
    """
    return [
        _flag(["--json"], "Print one JSON document.", _set("json", True)),
        _flag(["-q", "--quiet"], "Print no notes and no progress.", _set("quiet", True)),
        _flag(["-v", "--verbose"], "Print more.", _set("verbose", True)),
        _flag(["--no-color"], "Print without colour.", _uncolor),
        _text(["-C"], "DIR", "Act as if started in DIR.", _enter),
        _text(["--repo"], "LOCATION", "The repository. Default: MREG_REPO, or the nearest .mreg upwards.", _choose),
    ]


def version_option() -> TyperOption:
    def show(ctx: Any, param: Any, value: bool) -> None:
        if value:
            print(f"mreg {mreg.__version__}")
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
            setattr(_state(ctx), field, value)

    return callback


def _state(ctx: Any) -> State:
    state: State = ctx.obj
    return state


def _uncolor(ctx: Any, param: Any, given: bool) -> None:
    if given:
        _state(ctx).color = False
        os.environ["NO_COLOR"] = "1"  # what typer heeds when it shows the help, and a program that is started


def _enter(ctx: Any, param: Any, given: str | None) -> None:
    if given is not None:
        try:
            os.chdir(given)
        except OSError as error:
            raise cli.errors.NoFolder(path=given, reason=error.strerror or str(error)) from None


def _choose(ctx: Any, param: Any, given: str | None) -> None:
    if given is not None:
        _state(ctx).repo = given
