"""The context object that the parser gives to every command, with the state of this run."""

from __future__ import annotations

import typer

from mreg.cli.state import State


class Context(typer.Context):
    """The first argument of every command. `obj`: see `State`."""

    obj: State
