"""`mreg config get`, `set` and `ls`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from mreg.cli.output import emit, note, value_text
from mreg.cli.state import current

SettingArgument = Annotated[str, typer.Argument(metavar="NAME", help="Such as gc.grace.")]


def get(name: SettingArgument) -> None:
    """Print a setting's value."""
    value = current.repository().setting(name)
    emit({"name": name, "value": value}, lambda out: out.line(_text(value)))


def set_(
    name: SettingArgument,
    value: Annotated[str, typer.Argument(metavar="VALUE", help="The new value.")],
) -> None:
    """Change a setting of the repository."""
    stored = current.repository().set_setting(name, value)
    note(f"{name} is {_text(stored)} now")
    emit({"name": name, "value": stored}, lambda out: None)


def ls() -> None:
    """List all settings: name, value, meaning."""
    from mreg.config import SETTINGS

    values = current.repository().settings()
    rows = [[name, _text(value), SETTINGS[name].meaning] for name, value in values.items()]
    emit({"settings": values}, lambda out: out.table(["name", "value", "meaning"], rows))


def _text(value: Any) -> str:
    return " ".join(value) if isinstance(value, list) else value_text(value)
