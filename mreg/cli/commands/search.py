"""`mreg search`."""

from typing import TYPE_CHECKING, Annotated

from mreg.cli import choosing, tables
from mreg.cli.choosing import Chosen, newest_of, split, tell_unknown, told
from mreg.cli.commands.filtering import emit_count, emit_keys
from mreg.cli.commands.params import (
    ColumnsOption,
    CountOption,
    ExitCodeOption,
    KeysOption,
    OnlyChangedOption,
    SortOption,
    WhereOption,
    refuse_beside,
)
from mreg.cli.declared import Argument, Option
from mreg.cli.errors import BadUsage
from mreg.cli.exit_codes import UNMET
from mreg.cli.matches import in_artifact, in_model, in_version
from mreg.cli.output import aliases_text
from mreg.cli.state import State
from mreg.values.names import composed

if TYPE_CHECKING:
    from mreg import Artifact, Model, Version

_KINDS = ("model", "artifact", "version")


def search(
    state: State,
    text: Annotated[str, Argument(metavar="[TEXT]", help="Text to find (case-insensitive).", parse=composed)] = "",
    where: WhereOption = None,
    tag: Annotated[
        list[str] | None,
        Option("--tag", metavar="TAG", help="Only models and versions with this tag. Repeatable."),
    ] = None,
    kind: Annotated[str | None, Option("--kind", metavar="KIND", help="version, artifact or model.")] = None,
    within: Annotated[
        list[str] | None, Option("--in", metavar="NAME", help="Only versions of this collection. Repeatable.")
    ] = None,
    path: Annotated[
        str | None, Option("--path", metavar="PATH", help="Only versions that contain this file or folder.")
    ] = None,
    sort: SortOption = None,
    columns: ColumnsOption = None,
    only_changed: OnlyChangedOption = False,
    limit: Annotated[
        int | None,
        Option("--limit", metavar="N", least=0, help="Show at most N (0: all): the newest, or the first by --sort."),
    ] = None,
    count: CountOption = False,
    keys: KeysOption = False,
    exit_code: ExitCodeOption = False,
) -> int:
    """Find registered models, artifacts and versions by name, text, tag, alias and metadata.

    With --where, --in, --path, --sort, --columns, --only-changed, --count or --keys, only versions are found; with -q,
    only their names are printed, one per line.
    --tag finds versions by their own tags and by those of the models that link them.
    """
    if kind is not None and kind not in _KINDS:
        raise BadUsage(f"{kind!r} is not one of {', '.join(_KINDS)}", name="--kind")
    state, names = state, split(within)
    shaping = {"--sort": sort, "--columns": columns, "--only-changed": only_changed, "--limit": limit}
    places = {"--where": where, "--in": within, "--path": path}
    if keys:
        others = {"TEXT": text, "--where": where, "--tag": tag, "--kind": kind, "--path": path, "--count": count}
        refuse_beside("--keys", {**others, **shaping, "--exit-code": exit_code})
        emit_keys(state, names)
        return 0
    if count:
        refuse_beside("--count", shaping)
    if kind in ("model", "artifact"):
        of_those = {"--sort": sort, "--columns": columns, "--only-changed": only_changed, "--count": count}
        refuse_beside(f"--kind {kind}", {**places, **of_those})
    if path is not None:
        refuse_beside("--path", {"TEXT": text, "--sort": sort})
    of_versions = (
        only_changed or where or within or path or sort or columns or only_changed or count or kind == "version"
    )
    if not of_versions:
        return _everything(state, text, tag or [], kind, limit, exit_code)
    chosen = Chosen(where or [], tag or [], split(sort), limit, names, text, split(columns), only_changed)
    repository = state.repository()
    if count and path is None:
        number = repository.count(text, where=chosen.filters, within=names, told=told(state))
        return emit_count(state, number, exit_code)
    if path is None:
        found = choosing.search(state, chosen)
        return UNMET if exit_code and not found else 0
    every = repository.holding(path, where=chosen.filters, within=names, told=told(state))
    if count:
        return emit_count(state, len(every), exit_code)
    found = choosing.show_found(state, chosen, newest_of(every, limit), len(every))
    return UNMET if exit_code and not found else 0


def _everything(state: State, text: str, tags: list[str], kind: str | None, limit: int | None, exit_code: bool) -> int:
    repository = state.repository()
    models, artifacts, versions = repository.search(text, tags=tags)
    models = models if kind in (None, "model") else []
    artifacts = artifacts if kind in (None, "artifact") else []
    versions = versions if kind is None else []
    total = len(models) + len(artifacts) + len(versions)
    if limit:
        models, artifacts = tables.last_changed(models, limit), tables.last_changed(artifacts, limit)
        versions = newest_of(versions, limit)
    rows = _rows(text, models, artifacts, versions)
    if not rows:
        state.note("nothing found")
        tell_unknown(state, repository, tags)
    body = {"models": models, "artifacts": artifacts, "versions": versions}
    state.emit(body, lambda out: out.table(["kind", "name", "aliases", "matched"], rows))
    tables.tell_left_out(state, total - len(rows), "more match", "more matches")
    return UNMET if exit_code and not rows else 0


def _rows(text: str, models: "list[Model]", artifacts: "list[Artifact]", versions: "list[Version]") -> list[list[str]]:
    return [
        *(["model", one.name, aliases_text(one.aliases), in_model(one, text)] for one in models),
        *(["artifact", one.name, aliases_text(one.aliases), in_artifact(one, text)] for one in artifacts),
        *(["version", one.name, " ".join(one.aliases), in_version(one, text)] for one in versions),
    ]
