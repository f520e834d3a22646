"""`mreg config get`, `set` and `ls`: of the repository, or (`--user`) of the user in all repositories."""

from collections.abc import Mapping
from typing import Annotated, Any

import mreg
from mreg.cli.declared import Argument, Option
from mreg.cli.errors import BadUsage
from mreg.cli.state import State
from mreg.values.words import value_text

SettingArgument = Annotated[str, Argument(metavar="NAME", help="Name of the setting, such as gc.grace.")]
UserOption = Annotated[bool, Option("--user", help="Your own setting, for all repositories: `safe.directory`.")]


ArtifactOption = Annotated[
    str | None,
    Option("--artifact", metavar="NAME", help="Setting of this artifact, instead of the repository's: gc.keep-last …"),
]


def get(state: State, name: SettingArgument, artifact: ArtifactOption = None, user: UserOption = False) -> None:
    """Print the value of a setting, for the repository or for one artifact."""
    _check_whose(artifact, user)
    value = mreg.user_setting(name) if user else state.repository().setting(name)
    if artifact is not None:
        value = state.repository().artifact_settings(artifact).get(name, value)
    state.emit({"name": name, "value": value}, lambda out: out.line(_text(value)))


def set_(
    state: State,
    name: SettingArgument,
    value: Annotated[str, Argument(metavar="VALUE", help="The new value.")],
    artifact: ArtifactOption = None,
    user: UserOption = False,
) -> None:
    """Change a setting of the repository, or of one artifact.

    An artifact may have its own gc.keep-last, gc.older-than, gc.keep-best and gc.keep-where, which override those of
    the repository and the options of `mreg gc`; the value `inherit` removes one.

    `core.shared group` also gives the group access to existing files. `--user safe.directory PATH` adds a repository
    to those of other users that you may write to; `*` stands for all, and an empty PATH clears the list.
    """
    _check_whose(artifact, user)
    if user:
        stored = mreg.set_user_setting(name, value)
    else:
        stored = state.repository().set_setting(name, value, artifact=artifact)
    state.note(f"{name} is {_text(stored)} now" + (f" for {artifact}" if artifact else ""))
    state.emit({"name": name, "value": stored}, lambda out: None)


def ls(state: State, artifact: ArtifactOption = None, user: UserOption = False) -> None:
    """List all settings: name, value, meaning. With --artifact, only those set for it."""
    _check_whose(artifact, user)
    meanings: Mapping[str, str] = {name: setting.meaning for name, setting in mreg.SETTINGS.items()}
    if artifact is not None:
        values, faults = state.repository().artifact_settings(artifact), dict[str, str]()
    elif user:
        values, faults = {name: mreg.user_setting(name) for name in mreg.USER_SETTINGS}, {}
        meanings = mreg.USER_SETTINGS
    else:
        values, faults = state.repository().sound_settings()
    rows = [[name, _text(value), meanings[name]] for name, value in values.items()]
    rows += [[name, "", meanings[name]] for name in faults]
    state.emit({"settings": values, "faults": faults}, lambda out: out.table(["name", "value", "meaning"], rows))
    for name, fault in faults.items():
        state.warn(f"{name} has an invalid value: {fault}; correct it with `mreg config set {name} VALUE`")


def _check_whose(artifact: str | None, user: bool) -> None:
    if artifact is not None and user:
        raise BadUsage("--user selects your own settings, which apply to all repositories", name="--artifact")


def _text(value: Any) -> str:
    return " ".join(value) if isinstance(value, list) else value_text(value)
