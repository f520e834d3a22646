"""`mreg search`."""

from typing import Annotated

import typer

from mreg.cli.commands.filtering import (
    ColumnsOption,
    CountOption,
    ExitCodeOption,
    KeysOption,
    OnlyChangedOption,
    SortOption,
    WhereOption,
    emit_count,
    emit_keys,
    emit_versions,
    split,
    tagged,
    told,
)
from mreg.cli.context import Context
from mreg.cli.exit_codes import UNMET
from mreg.cli.state import State
from mreg.values.names import composed

_KINDS = ("model", "artifact", "version")


def search(
    ctx: Context,
    text: Annotated[
        str, typer.Argument(metavar="[TEXT]", help="Text to find (case-insensitive).", parser=composed)
    ] = "",
    where: WhereOption = None,
    tag: Annotated[
        list[str] | None, typer.Option("--tag", metavar="TAG", help="Only models that have this tag. Repeatable.")
    ] = None,
    kind: Annotated[str | None, typer.Option("--kind", metavar="KIND", help="version, artifact or model.")] = None,
    within: Annotated[
        list[str] | None, typer.Option("--in", metavar="NAME", help="Only versions of these. Repeatable.")
    ] = None,
    path: Annotated[
        str | None, typer.Option("--path", metavar="PATH", help="Only versions with the bytes of this file or folder.")
    ] = None,
    sort: SortOption = None,
    columns: ColumnsOption = None,
    only_changed: OnlyChangedOption = False,
    limit: Annotated[int | None, typer.Option("--limit", metavar="N", min=0, help="Show at most N versions.")] = None,
    count: CountOption = False,
    keys: KeysOption = False,
    exit_code: ExitCodeOption = False,
) -> int:
    """Find registered models, artifacts and versions by name, text, tag, alias and metadata.

    With --where and the options after it, only versions: with -q their names, one per line. With --tag as well, those
    that a model with this tag links.
    """
    if kind is not None and kind not in _KINDS:
        raise typer.BadParameter(f"{kind!r} is none of {', '.join(_KINDS)}", param_hint="--kind")
    state, names = ctx.obj, split(within)
    if keys:
        emit_keys(state, names)
        return 0
    of_versions = where or within or path or sort or columns or only_changed or count or kind == "version"
    if not of_versions:
        return _everything(state, text, tag or [], kind, limit, exit_code)
    filters, repository = tagged(where, tag), state.repository()
    if count and path is None:
        return emit_count(state, repository.count(text, where=filters, within=names, told=told(state)), exit_code)
    if path is not None:
        versions = repository.holding(path, where=filters, within=names, limit=limit, told=told(state))
    else:
        versions = repository.search(text, where=filters, sort=split(sort), limit=limit, within=names, told=told(state))
    if count:
        return emit_count(state, len(versions), exit_code)
    body = {"models": [], "artifacts": [], "versions": versions}
    emit_versions(state, versions, body, split(columns), only_changed=only_changed)
    return UNMET if exit_code and not versions else 0


def _everything(state: State, text: str, tags: list[str], kind: str | None, limit: int | None, exit_code: bool) -> int:
    found = state.repository().search(text, tags=tags)
    models, artifacts, versions = found
    models = models[:limit] if kind in (None, "model") else []
    artifacts = artifacts[:limit] if kind in (None, "artifact") else []
    versions = versions[:limit] if kind is None else []
    rows = [["model", one.name, ", ".join(one.tags), one.description] for one in models]
    rows += [["artifact", one.name, "", one.description] for one in artifacts]
    rows += [["version", one.name, ", ".join(one.aliases), one.message.partition("\n")[0]] for one in versions]
    if not rows:
        state.note("nothing found")
    body = {"models": models, "artifacts": artifacts, "versions": versions}
    state.emit(body, lambda out: out.table(["kind", "name", "tags, aliases", "text"], rows))
    return UNMET if exit_code and not rows else 0
