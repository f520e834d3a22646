"""`mreg du`, `mreg gc` and `mreg fsck`: keeping a repository well."""

from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

from mreg.cli.commands.params import parsed
from mreg.cli.declared import Argument, Option
from mreg.cli.exit_codes import DAMAGED
from mreg.cli.output import Out
from mreg.cli.progress import Bar
from mreg.cli.state import State
from mreg.cli.text import path_text
from mreg.repository import Repository
from mreg.values.ages import parse_seconds
from mreg.values.errors import Damaged, NotFound
from mreg.values.words import count_text, size_text

if TYPE_CHECKING:
    from mreg import Report, Repository, Swept, Usage


def du(
    state: State,
    name: Annotated[str | None, Argument(metavar="[NAME]", help="An artifact or a registered model.")] = None,
) -> None:
    """Show sizes: of all files, after deduplication, and as stored on disk.

    For a collection, also for each version: what `mreg gc` frees once the version is deleted and the grace period is
    over, and the size of the chunks that nothing else needs.
    """
    found = state.repository().usage(name)
    state.emit(found, lambda out: _render_usage(out, found))


def _render_usage(out: Out, found: "Usage") -> None:
    total = [
        ("versions", str(found.versions)),
        ("logical", f"{size_text(found.logical)} ({found.logical} bytes)"),
        ("unique", f"{size_text(found.unique)} ({found.unique} bytes)"),
        ("stored", f"{size_text(found.stored)} ({found.stored} bytes)"),
    ]
    if found.unfinished:
        total.append(("unfinished", f"{size_text(found.unfinished)} ({found.unfinished} bytes)"))
    out.fields(total)
    if not found.items:
        return
    headings = ["name", "versions", "logical", "unique", "stored"]
    rows = [
        [one.name, str(one.versions), *map(size_text, (one.logical, one.unique, one.stored))] for one in found.items
    ]
    if found.items[0].frees is not None:
        headings += ["frees", "own"]
        rows = [
            [*row, size_text(one.frees or 0), size_text(one.own or 0)]
            for row, one in zip(rows, found.items, strict=True)
        ]
    out.table(headings, rows)


def gc(
    state: State,
    dry_run: Annotated[
        bool, Option("--dry-run", help="Change nothing; show what would be deleted, with sizes.")
    ] = False,
    grace: Annotated[
        str | None,
        Option("--grace", metavar="AGE", help="Keep data that was reachable within AGE (14d, 2h, 0)."),
    ] = None,
    keep_last: Annotated[
        int | None,
        Option(
            "--keep-last",
            metavar="N",
            least=0,
            help="Expire versions beyond the newest N of their artifact (0: no limit).",
        ),
    ] = None,
    older_than: Annotated[
        str | None,
        Option("--older-than", metavar="AGE", help="Expire versions older than AGE (0: no limit)."),
    ] = None,
    keep_best: Annotated[
        list[str] | None,
        Option(
            "--keep-best", metavar="max:KEY:N", help="Keep the N best of each artifact (min: for losses). Repeatable."
        ),
    ] = None,
    keep_where: Annotated[
        list[str] | None,
        Option("--keep-where", metavar="EXPR", help="Keep versions that match (`mreg help filters`). Repeatable."),
    ] = None,
    repack: Annotated[
        bool, Option("--repack", help="Rewrite packs that are mostly unneeded or could be much smaller.")
    ] = False,
) -> None:
    """Expire versions by the retention rules, then delete unreachable data.

    Deleted versions stay on disk until the grace period (setting gc.grace) is over. With `--grace 0`, a concurrent
    `log` may have to read its files again.

    Versions expire by --keep-last, by --older-than, or, if both are given, if they meet both. The defaults are the
    settings gc.keep-last and gc.older-than. A version that an alias or a link holds never expires, and
    by these rules the latest version of an artifact does not either. --keep-best and --keep-where keep more versions,
    including those that they cannot judge because the number is missing or NaN. A key that no version has is an error.

    An artifact's own settings (`mreg config set --artifact`) take precedence over the options. A version with an
    expiry time (`mreg log --ttl`) expires at that time, even if it is the latest.

    Expired versions are deleted as by `mreg rm`, and `mreg undo` restores them within the grace period.
    """
    seconds = parsed("--grace", grace, parse_seconds)
    age = parsed("--older-than", older_than, parse_seconds)
    if seconds == 0 and not dry_run:
        state.note("grace 0: a concurrent `log` may have to read its files again")
    repository = state.repository()
    with Bar("repacking", state) as bar:
        found = repository.gc(
            grace=seconds,
            keep_last=keep_last,
            older_than=age,
            keep_best=keep_best or None,
            keep_where=[one for one in keep_where if one] if keep_where else None,
            repack=repack,
            dry_run=dry_run,
            progress=bar,
        )
    if (keep_best or keep_where) and not (keep_last or age or _expires(repository)):
        state.note("nothing expires without --keep-last or --older-than; the other options only keep versions")
    verb = "would expire" if dry_run else "expired"
    for (artifact, why), gone in _by_artifact(found).items():
        count = count_text(len(gone), "version", "versions")
        state.note(f"{count} of {artifact} {verb}{_reason(why, len(gone))}: {' '.join(gone)}")
    verb = "would be freed" if dry_run else "freed"
    swept = f"{count_text(found.packs, 'pack', 'packs')}, {count_text(found.records, 'record', 'records')}"
    state.note(f"{size_text(found.bytes)} {verb}: {swept}")
    if found.unfinished:
        state.note(f"{size_text(found.unfinished)} of unfinished work {verb}")
    if found.repacked:
        verb = "would be" if dry_run else "was" if found.repacked == 1 else "were"
        state.note(f"{count_text(found.repacked, 'pack', 'packs')} {verb} rewritten")
    if found.kept:
        state.note(f"{size_text(found.kept)} more will be freed after the grace period")
        if found.seq is not None:
            state.note(f"until then, `mreg undo {found.seq}` restores the expired versions")
    state.emit(found, lambda out: out.line(str(found.bytes)))


def _expires(repository: "Repository") -> bool:
    """Whether the settings let anything expire."""
    return repository.setting("gc.keep-last") > 0 or parse_seconds(repository.setting("gc.older-than")) > 0


def _reason(why: str, versions: int) -> str:
    """What lets them go, unless it is what the options and settings of the repository say."""
    if why == "ttl":
        return f" because {'its TTL has' if versions == 1 else 'their TTLs have'} passed"
    return " by the artifact's own rule" if why == "artifact" else ""


def _by_artifact(found: "Swept") -> dict[tuple[str, str], list[str]]:
    """The numbers of the versions that expire, as `vN`, by artifact and reason."""
    numbers: dict[tuple[str, str], list[str]] = {}
    for name in found.expired:
        artifact, _, number = name.rpartition(":")
        numbers.setdefault((artifact, found.reasons[name]), []).append(number)
    return numbers


def _source(here: str, place: str) -> Repository:
    """The repository at `place`, or of the remote that is called so here, as far as this one can be opened."""
    try:
        return Repository.open(here).elsewhere(place)
    except (Damaged, NotFound) as error:
        if error.code == "no-such-place":
            raise
    named: list[str] = []
    with suppress(Damaged, NotFound):  # where the journal cannot tell: digests prove what is taken from there
        found = [one for one in Repository.open(here).remotes() if one.name == place]
        named = [one.location for one in found[:1] if one.followed]
    return Repository.open(named[0] if named else place)


def fsck(
    state: State,
    full: Annotated[bool, Option("--full", help="Read and verify every byte.")] = False,
    repair: Annotated[
        bool, Option("--repair", help="Repair damage where digests prove the result; list the rest.")
    ] = False,
    source: Annotated[
        str | None,
        Option("--from", metavar="LOCATION", help="With --repair: take damaged or missing data from this repository."),
    ] = None,
) -> int:
    """Verify the repository; list damage and the affected versions.

    Exit code 5 if anything is damaged; with --repair, if any damage is left.

    --repair restores refs, settings and the applied mark from the journal, and moves foreign files to `lost-found/`.
    --from LOCATION restores records, packs and chunks with the same digests; LOCATION may be any repository or remote,
    and is only read. Journal entries are restored only from a copy of the same repository. Damage to the bytes of
    files is only found and repaired with --full.
    """
    other = None if source is None else _source(state.location(), source)
    rescued = Repository.rescue(state.location(), source=other) if repair else ()
    with Bar("reading", state) as bar:
        found = state.repository().fsck(full=full, repair=repair, source=other, progress=bar)
    found = found._replace(repaired=rescued + found.repaired)
    state.emit(found, lambda out: _render_report(out, found))
    for one in found.repaired:
        state.note(f"repaired {one.what}: {one.done}")
    looked = ", ".join(
        count_text(number, one, many)
        for number, one, many in (
            (found.entries, "journal entry", "journal entries"),
            (found.refs, "ref", "refs"),
            (found.versions, "version", "versions"),
            (found.packs, "pack", "packs"),
        )
    )
    if found.chunks_read:
        looked += f", {count_text(found.chunks_read, 'chunk', 'chunks')} ({size_text(found.bytes_read)})"
    if not full:
        looked += ", but not at the bytes of files (--full)"
    word = "left" if repair else "found"
    state.note(f"{f'damage {word}' if found.findings else f'no damage {word}'}; looked at {looked}")
    if found.unfinished:
        size = size_text(found.unfinished)
        state.note(
            f"{size} of unfinished work; `mreg gc` deletes what dead processes left, and anything older than a day"
        )
    if found.findings and source is None:
        state.note(_advice(found, repair))
    return DAMAGED if found.findings else 0


def _advice(found: "Report", repaired: bool) -> str:
    """What to do about damage. What the journal tells needs no other repository, nor what was dropped by mistake."""
    codes = {one.code for one in found.findings}
    if not repaired and codes & {"ref", "config", "applied-mark", "foreign-file", "derived"}:
        return (
            "`mreg fsck --repair` restores data from the journal, with `--from LOCATION` also from another repository"
        )
    if not repaired and codes & {"record", "file"}:
        return (
            "`mreg fsck --repair` looks for missing data in dropped packs and in the cache; "
            "with `--from LOCATION`, also in another repository"
        )
    return "`mreg fsck --full --repair --from LOCATION` restores data from another repository"


def _render_report(out: Out, found: "Report") -> None:
    rows = [[one.code, path_text(one.what), one.reason, ", ".join(one.hurts)] for one in found.findings]
    if rows:
        out.table(["damage", "where", "what", "hurts"], rows)
