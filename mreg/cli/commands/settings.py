"""`mreg config get`, `set` and `ls`: of the repository, or (`--user`) of the user in all repositories."""

from typing import Annotated, Any

import typer

import mreg
from mreg.cli.context import Context
from mreg.cli.output import value_text

SettingArgument = Annotated[str, typer.Argument(metavar="NAME", help="Such as gc.grace.")]
UserOption = Annotated[
    bool, typer.Option("--user", help="A setting of your own, in all repositories: `safe.directory`.")
]


def get(ctx: Context, name: SettingArgument, user: UserOption = False) -> None:
    """Print a setting's value."""
    value = mreg.user_setting(name) if user else ctx.obj.repository().setting(name)
    ctx.obj.emit({"name": name, "value": value}, lambda out: out.line(_text(value)))


def set_(
    ctx: Context,
    name: SettingArgument,
    value: Annotated[str, typer.Argument(metavar="VALUE", help="The new value.")],
    user: UserOption = False,
) -> None:
    """Change a setting of the repository.

    `core.shared group` also gives the group its rights to existing files. `--user safe.directory PATH` adds a
    repository to those of other people that may be written to; `*` stands for all, and an empty PATH clears the list.
    """
    stored = mreg.set_user_setting(name, value) if user else ctx.obj.repository().set_setting(name, value)
    ctx.obj.note(f"{name} is {_text(stored)} now")
    ctx.obj.emit({"name": name, "value": stored}, lambda out: None)


def ls(ctx: Context, user: UserOption = False) -> None:
    """List all settings: name, value, meaning."""
    if user:
        values: dict[str, Any] = {name: mreg.user_setting(name) for name in mreg.USER_SETTINGS}
        faults: dict[str, str] = {}
        meanings = mreg.USER_SETTINGS
    else:
        values, faults = ctx.obj.repository().sound_settings()
        meanings = {name: setting.meaning for name, setting in mreg.SETTINGS.items()}
    rows = [[name, _text(value), meanings[name]] for name, value in values.items()]
    rows += [[name, "", meanings[name]] for name in faults]
    ctx.obj.emit({"settings": values, "faults": faults}, lambda out: out.table(["name", "value", "meaning"], rows))
    for name, fault in faults.items():
        ctx.obj.warn(f"{name} has an invalid value: {fault}; correct it with `mreg config set {name} VALUE`")


def _text(value: Any) -> str:
    return " ".join(value) if isinstance(value, list) else value_text(value)
