"""Names for other repositories: kept, changed and forgotten. What they mean: `mreg.session.remotes`."""

from __future__ import annotations

import os
from collections.abc import Callable

from mreg.operations.changes import changed
from mreg.refs import heading
from mreg.refs.keys import CONFIG
from mreg.refs.transaction import Draft
from mreg.session import config, remotes
from mreg.session.context import Context
from mreg.session.remotes import RemoteExists, RemotesElsewhere, UnknownRemote
from mreg.values.changed import Changed
from mreg.values.names import check_name, near

OWN = "it is one of your own: add `--user`"
IN_REPOSITORY = "it is one of the repository: leave out `--user`"


def set_remote(context: Context, name: str, location: str | os.PathLike[str], user: bool, *, new: bool) -> Changed:
    """See `Repository.add_remote` and `set_remote`."""
    name, place = check_name(name, "remote name"), remotes.check_location(location)
    if not user and not remotes.is_local(context):
        raise RemotesElsewhere(repository=context.location)

    def change(kept: dict[str, str]) -> None:
        if new and kept.get(name, place) != place:
            raise RemoteExists(name=name, location=kept[name])
        if not new:
            _require(context, name, kept, user)
        kept[name] = place

    command = "remote add" if new else "remote set"
    return _change(context, f"{command} {name} {place}", user, change)


def remove_remote(context: Context, name: str, user: bool) -> Changed:
    """See `Repository.remove_remote`."""
    name = check_name(name, "remote name")

    def change(kept: dict[str, str]) -> None:
        _require(context, name, kept, user)
        del kept[name]

    return _change(context, f"remote rm {name}", user, change)


def _require(context: Context, name: str, kept: dict[str, str], user: bool) -> None:
    if name in kept:
        return
    error = UnknownRemote(name=name, near=near(name, list(kept)))
    if any(one.name == name for one in remotes.remotes(context)):
        error.facts["hint"] = IN_REPOSITORY if user else OWN
    raise error


def _change(context: Context, command: str, user: bool, change: Callable[[dict[str, str]], None]) -> Changed:
    if user:
        kept = remotes.own_remotes()
        change(kept)
        remotes.keep_own(kept)
        return Changed(None, ())

    def build(draft: Draft) -> None:
        ref = draft.view.ref(CONFIG)
        settings = config.decode(ref)
        kept = remotes.remotes_in(settings)
        change(kept)
        others = {key: value for key, value in settings.items() if key.partition(".")[0] != remotes.SECTION}
        ours = {f"{remotes.SECTION}.{key}": value for key, value in kept.items()}
        draft.set(CONFIG, config.encode(heading.of(ref.value), {**others, **ours}))

    context.close_remotes()
    return changed(context, context.commit(command, build))
