"""Runs one command line."""

from __future__ import annotations

import sys

from mreg import cli
from mreg.cli.plain import understood
from mreg.cli.state import State


def run(arguments: list[str]) -> int:
    """Run one command line; its exit code. Never raises."""
    state = State()
    try:
        command = understood(arguments, state)
        result = command() if command else _parse_and_run(arguments, state)
        sys.stdout.flush()
        if "--where" in arguments and (meant := cli.redirected.unquoted(arguments)):
            state.warn(meant)
        if not isinstance(result, int):
            return 0
        if result == cli.exit_codes.INTERRUPTED:  # typer has turned Ctrl-C into this
            raise KeyboardInterrupt
        return result
    except BaseException as error:  # the last line of defence: no traceback reaches a user
        return cli.report.report(error, arguments, state)
    finally:
        state.close()


def _parse_and_run(arguments: list[str], state: State) -> object:
    return cli.parser.root().main(args=arguments, prog_name="mreg", standalone_mode=False, obj=state)
