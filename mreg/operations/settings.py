"""The repository's own settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mreg.refs import heading
from mreg.refs.keys import CONFIG
from mreg.refs.transaction import Draft
from mreg.session import config
from mreg.session.context import Context
from mreg.values.errors import Incomplete

_MOST_TOLD = 100


class NotAllShared(Incomplete):
    """core.shared is group, but some existing files and folders did not get the group's rights."""

    code = "not-all-shared"
    template = "{count} files or folders, such as {path!r}, belong to other users and keep their permissions"

    count: int
    path: str
    paths: Sequence[str]


def set_setting(context: Context, name: str, text: str) -> Any:
    """Set a setting from text. Returns its value. Raises UnknownSetting, InvalidSetting, NotAllShared."""
    value = config.parse(name, text)

    def build(draft: Draft) -> None:
        ref = draft.view.ref(CONFIG)
        draft.set(CONFIG, config.encode(heading.of(ref.value), config.decode(ref) | {name: value}))

    context.commit(f"config set {name} {text}", build, patience=_patience(context))
    if name == config.SHARED and value == config.GROUP:
        open_to_group(context)
    return value


def _patience(context: Context) -> str:
    """lock.timeout; its default where it has to be set right first."""
    try:
        return str(context.setting("lock.timeout"))
    except config.DamagedSetting:
        return str(config.setting("lock.timeout").default)


def open_to_group(context: Context) -> None:
    """Let the group write to what is there already. If it was interrupted, calling it again continues.

    Raises NotAllShared where some of it belongs to others.
    """
    context.storage.share()
    with context.lock():  # among the files is that of the lock
        left = list(context.storage.open_to_group())
    if left:
        raise NotAllShared(count=len(left), path=left[0], paths=left[:_MOST_TOLD])
