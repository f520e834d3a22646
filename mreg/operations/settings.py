"""The repository's own settings."""

from __future__ import annotations

from typing import Any

from mreg import config
from mreg.context import Context
from mreg.refs import CONFIG
from mreg.transaction import Draft


def set_setting(context: Context, name: str, text: str) -> Any:
    """Set a setting from its text; the value. Raises UnknownSetting, InvalidSetting."""
    value = config.parse(name, text)

    def build(draft: Draft) -> None:
        settings = config.decode(draft.view.ref(CONFIG))
        draft.set(CONFIG, config.encode(context.identity, settings | {name: value}))

    context.commit(f"config set {name} {text}", build)
    return value
