"""`mreg config get`, `set` and `ls`: of the repository, or (`--user`) of the user in all repositories."""

from typing import Annotated, Any

import typer

from mreg.cli.output import emit, note, value_text, warn
from mreg.cli.state import current

SettingArgument = Annotated[str, typer.Argument(metavar="NAME", help="Such as gc.grace.")]
UserOption = Annotated[
    bool, typer.Option("--user", help="A setting of your own, in all repositories: `safe.directory`.")
]


def get(name: SettingArgument, user: UserOption = False) -> None:
    """Print a setting's value."""
    value = _user_setting(name) if user else current.repository().setting(name)
    emit({"name": name, "value": value}, lambda out: out.line(_text(value)))


def set_(
    name: SettingArgument,
    value: Annotated[str, typer.Argument(metavar="VALUE", help="The new value.")],
    user: UserOption = False,
) -> None:
    """Change a setting of the repository.

    `core.shared group` also gives the group its rights to what is there already. `--user safe.directory PATH` adds a
    repository to those of other people that may be written to; `*` stands for all, and an empty PATH clears the list.
    """
    stored = _set_user_setting(name, value) if user else current.repository().set_setting(name, value)
    note(f"{name} is {_text(stored)} now")
    emit({"name": name, "value": stored}, lambda out: None)


def ls(user: UserOption = False) -> None:
    """List all settings: name, value, meaning."""
    from mreg.session.config import SETTINGS

    faults: dict[str, str] = {}
    if user:
        from mreg.session.trust import MEANING, SETTING

        values: dict[str, Any] = {SETTING: _user_setting(SETTING)}
        meanings = {SETTING: MEANING}
    else:
        values, faults = current.repository().sound_settings()
        meanings = {name: setting.meaning for name, setting in SETTINGS.items()}
    rows = [[name, _text(value), meanings[name]] for name, value in values.items()]
    rows += [[name, "", meanings[name]] for name in faults]
    emit({"settings": values, "faults": faults}, lambda out: out.table(["name", "value", "meaning"], rows))
    for name, fault in faults.items():
        warn(f"{name} has a value that it cannot have: {fault}; correct it with `mreg config set {name} VALUE`")


def _user_setting(name: str) -> list[str]:
    from mreg.session import trust

    trust.check_setting(name)
    return trust.safe_directories()


def _set_user_setting(name: str, text: str) -> list[str]:
    from mreg.session import trust

    trust.check_setting(name)
    return trust.add_safe_directory(text)


def _text(value: Any) -> str:
    return " ".join(value) if isinstance(value, list) else value_text(value)
