"""The options that every command has."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from mreg import cli
from mreg.cli.declared import Option
from mreg.cli.state import State
from mreg.values.named_tuple import NamedTuple


class Common(NamedTuple):
    """apply: does what the option says; its value is True where it takes none."""

    option: Option
    apply: Callable[[State, Any], None]


def _json(state: State, given: bool) -> None:
    state.json = given


def _quiet(state: State, given: bool) -> None:
    state.quiet = given


def _verbose(state: State, given: bool) -> None:
    state.verbose = given


def _uncolor(state: State, given: bool) -> None:
    state.color = False
    os.environ["NO_COLOR"] = "1"  # what typer heeds when it shows the help, and a program that is started


def _enter(state: State, given: str) -> None:
    try:
        os.chdir(given)
    except OSError as error:
        raise cli.errors.NoFolder(path=given, reason=error.strerror or str(error)) from None


def _choose(state: State, given: str) -> None:
    state.repo = given


COMMON = (
    Common(Option("--json", help="Print one JSON document."), _json),
    Common(Option("-q", "--quiet", help="Print no notes and no progress."), _quiet),
    Common(Option("-v", "--verbose", help="Print more."), _verbose),
    Common(Option("--no-color", help="Print without colour."), _uncolor),
    Common(Option("-C", metavar="DIR", help="Act as if started in DIR."), _enter),
    Common(
        Option(
            "--repo",
            metavar="LOCATION",
            help="The repository. Default: MREG_REPO, or the nearest .mreg in this folder or above.",
        ),
        _choose,
    ),
)
