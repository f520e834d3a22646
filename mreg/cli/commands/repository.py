"""Commands about the repository as a whole: `init`, `history`, `undo`, `du`, `gc`, `fsck`, `version`."""

import os
import shlex
from typing import TYPE_CHECKING, Annotated

import typer

from mreg.cli.output import DAMAGED, Out, count_text, emit, note, size_text, time_text
from mreg.cli.progress import Bar
from mreg.cli.state import current
from mreg.repository import AlreadyInitialised, Repository
from mreg.session.config import parse_seconds

if TYPE_CHECKING:
    from mreg.upkeep.findings import Report
    from mreg.values.entities import HistoryEntry, RefChange, Usage

MOVES_SHOWN = 10
"""How many of the refs that an undo moved are told."""


def init(
    directory: Annotated[
        str | None, typer.Argument(metavar="[DIR]", help="Where to make `.mreg`. Default: --repo, MREG_REPO, or here.")
    ] = None,
    shared: Annotated[
        bool, typer.Option("--shared", help="Let all members of the folder's group write to it, whatever the umask.")
    ] = False,
) -> None:
    """Make the repository DIR/.mreg. Where there is one already, say so and change nothing."""
    place = directory or current.repo or os.environ.get("MREG_REPO") or "."
    try:
        repository, created = Repository.init(place, shared=shared), True
    except AlreadyInitialised as error:
        repository, created = Repository.open(error.location), False
    note(f"{'made an empty repository' if created else 'there is a repository already'}: {repository.location}")
    if shared and not created:
        note("`mreg config set core.shared group` shares it")
    elif shared:
        where = shlex.quote(repository.location)
        note(f"the others say `mreg config set --user safe.directory {where}` once, as it is not theirs")
    body = {"location": repository.location, "id": repository.id, "created": created}
    emit(body, lambda out: out.path(repository.location))


def history(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Only changes of this collection.")] = None,
    since: Annotated[int, typer.Option("--since", metavar="SEQ", min=0, help="Only changes after this one.")] = 0,
    limit: Annotated[int | None, typer.Option("--limit", min=0, help="Only the last so many.")] = None,
) -> None:
    """Show who changed what, when, from what to what; oldest first."""
    found = current.repository().history(name, since=since, limit=limit)
    emit({"entries": found}, lambda out: _render_history(out, found))
    if found and current.terminal:
        note("`mreg undo SEQ` takes a change back")


def _render_history(out: Out, found: "list[HistoryEntry]") -> None:
    if not current.terminal:
        out.table([], [row for entry in found for row in _history_rows(entry)])
        return
    for entry in found:
        out.line(f"{entry.seq}  {time_text(entry.time)[:19]}  {entry.who}@{entry.host}  mreg {entry.command}")
        for change in entry.changes:
            out.line(f"     {change.ref}: {_move(change)}")


def _history_rows(entry: "HistoryEntry") -> list[list[str]]:
    """One row a ref that moved."""
    fixed = [str(entry.seq), time_text(entry.time), entry.who, entry.host, entry.command]
    moves = [[one.ref, one.old or "", one.new or ""] for one in entry.changes]
    return [fixed + move for move in moves or [["", "", ""]]]


def _move(change: "RefChange") -> str:
    if change.ref.endswith((".toml", ".md")):  # whole texts
        return "made" if change.old is None else "deleted" if change.new is None else "changed"
    return f"{_short(change.old)} -> {_short(change.new)}"


def _short(value: str | None) -> str:
    if value is None:
        return "(none)"
    return value if len(value) <= 40 else f"{value[:40]}…"


def undo(
    seq: Annotated[int, typer.Argument(metavar="SEQ", min=1, help="The change's number, as `mreg history` shows it.")],
) -> None:
    """Put back what a change moved, all of it, as a change of its own; print the number of that.

    What the change made is deleted, what it deleted comes back. Undoing the undoing change makes it again. Exit code
    4, and nothing changed, if something of it has been moved since; 6 if what came later stands in the way, or `mreg
    gc` has given up the files of a version.
    """
    made = current.repository().undo(seq)
    for change in made.changes[:MOVES_SHOWN]:
        note(f"{change.ref}: {_move(change)}")
    if len(made.changes) > MOVES_SHOWN:
        note(f"and {len(made.changes) - MOVES_SHOWN} more")
    note(f"entry {seq} is undone; `mreg undo {made.seq}` makes the change again")
    emit(made, lambda out: out.line(str(made.seq)))


def du(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="An artifact or a registered model.")] = None,
) -> None:
    """Show where the bytes are: of all files, after storing equal chunks once, and as kept on disk.

    Of a collection also version by version: what `mreg gc` frees when the version is deleted and the grace period
    is over, and what chunks take that are its own, because nothing else needs them.
    """
    found = current.repository().usage(name)
    emit(found, lambda out: _render_usage(out, found))


def _render_usage(out: Out, found: "Usage") -> None:
    total = [
        ("versions", str(found.versions)),
        ("logical", f"{size_text(found.logical)} ({found.logical} bytes)"),
        ("unique", f"{size_text(found.unique)} ({found.unique} bytes)"),
        ("stored", f"{size_text(found.stored)} ({found.stored} bytes)"),
    ]
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
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Change nothing; tell what would go, and the bytes.")
    ] = False,
    grace: Annotated[
        str | None,
        typer.Option("--grace", metavar="AGE", help="Leave alone what was in use within AGE (14d, 2h, 0)."),
    ] = None,
    keep_last: Annotated[
        int | None,
        typer.Option(
            "--keep-last",
            metavar="N",
            min=0,
            help="Let versions expire that are not among the last N of their artifact (0: no limit).",
        ),
    ] = None,
    older_than: Annotated[
        str | None,
        typer.Option("--older-than", metavar="AGE", help="Let only versions expire that are older than AGE (0: any)."),
    ] = None,
    _keep_aliased: Annotated[
        bool, typer.Option("--keep-aliased", help="Let nothing expire that an alias or a link holds. Always on.")
    ] = True,
    repack: Annotated[
        bool, typer.Option("--repack", help="Write packs anew that are mostly dead, or could be much smaller.")
    ] = False,
) -> None:
    """Give back the space of what nothing can reach; before that, let versions expire where a policy says so.

    Deleted versions stay on disk until the grace period (setting gc.grace) is over. `--grace 0` is for those who know
    that no other writer is at work.

    Versions expire by --keep-last, by --older-than, or, if both are given, where both say so. Without them the
    settings gc.keep-last and gc.older-than count. What an alias or a link holds never expires, nor does the latest
    version of an artifact. An expired version is deleted as by `mreg rm`, and `mreg undo` brings it back within the
    grace period.
    """
    seconds, age = _seconds("--grace", grace), _seconds("--older-than", older_than)
    if seconds == 0 and not dry_run:
        note("grace 0: what a writer has not committed yet may be deleted under its hands")
    found = current.repository().gc(grace=seconds, keep_last=keep_last, older_than=age, repack=repack, dry_run=dry_run)
    _tell_expired(found.expired, "would expire" if dry_run else "expired")
    verb = "would be freed" if dry_run else "freed"
    swept = f"{count_text(found.packs, 'pack', 'packs')}, {count_text(found.records, 'record', 'records')}"
    note(f"{size_text(found.bytes)} {verb}: {swept}")
    if found.repacked:
        verb = "would be" if dry_run else "was" if found.repacked == 1 else "were"
        note(f"{count_text(found.repacked, 'pack', 'packs')} {verb} written anew")
    if found.kept:
        note(f"{size_text(found.kept)} more are given back when the grace period is over")
        if found.seq is not None:
            note(f"until then `mreg undo {found.seq}` brings back what expired")
    emit(found, lambda out: out.line(str(found.bytes)))


def _seconds(option: str, text: str | None) -> float | None:
    try:
        return None if text is None else parse_seconds(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r}: {error}", param_hint=option) from None


def _tell_expired(names: tuple[str, ...], verb: str) -> None:
    """One line an artifact."""
    numbers: dict[str, list[str]] = {}
    for name in names:
        artifact, _, number = name.rpartition(":")
        numbers.setdefault(artifact, []).append(number)
    for artifact, gone in numbers.items():
        note(f"{count_text(len(gone), 'version', 'versions')} of {artifact} {verb}: {' '.join(gone)}")


def fsck(
    full: Annotated[bool, typer.Option("--full", help="Read every byte too.")] = False,
    repair: Annotated[bool, typer.Option("--repair", help="Mend what can be proven; leave and name the rest.")] = False,
    source: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="LOCATION", help="With --repair: take what is damaged or missing from this repository."
        ),
    ] = None,
) -> int:
    """Verify every invariant of the repository; name each damaged thing and the versions it hurts.

    Exit code 5 if anything is damaged, or with --repair if anything is left so.

    --repair makes refs, settings and the applied mark again from the journal, and moves what is not of mreg out of the
    way, into `lost-found/`. --from LOCATION gives back records, packs and chunks of the same digests; LOCATION may be
    any repository, and is only read. Entries of the journal come only from a copy of this very one. Damage to the
    bytes of files is found, and mended, with --full.
    """
    other = None if source is None else Repository.open(source)
    rescued = Repository.rescue(current.location(), source=other) if repair else ()
    with Bar("reading") as bar:
        found = current.repository().fsck(full=full, repair=repair, source=other, progress=bar)
    found = found._replace(repaired=rescued + found.repaired)
    emit(found, lambda out: _render_report(out, found))
    for one in found.repaired:
        note(f"repaired {one.what}: {one.done}")
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
    word = "left" if repair else "found"
    note(f"{f'damage {word}' if found.findings else f'no damage {word}'}; looked at {looked}")
    if found.findings and source is None:
        note(_advice(found, repair))
    return DAMAGED if found.findings else 0


def _advice(found: "Report", repaired: bool) -> str:
    """What to do about damage. Of what the journal tells, a repair needs no other repository."""
    if not repaired and any(one.code in ("ref", "config", "applied-mark", "foreign-file") for one in found.findings):
        return (
            "`mreg fsck --repair` mends what the journal tells; with `--from LOCATION` also what another repository has"
        )
    return "`mreg fsck --full --repair --from LOCATION` takes what another repository has"


def _render_report(out: Out, found: "Report") -> None:
    rows = [[one.code, one.what, one.reason, ", ".join(one.hurts)] for one in found.findings]
    if rows:
        out.table(["damage", "where", "what", "hurts"], rows)


def version() -> None:
    """Print the versions of mreg and of its formats."""
    import platform

    from mreg import __version__
    from mreg.content import packs
    from mreg.refs import journal
    from mreg.session import config
    from mreg.values import records

    body = {
        "mreg": __version__,
        "python": platform.python_version(),
        "formats": {
            "repository": config.FORMAT,
            "journal": journal.FORMAT,
            "records": records.FORMAT,
            "packs": packs.FORMAT,
        },
    }
    formats = ", ".join(f"{name} {number}" for name, number in body["formats"].items())  # type: ignore[attr-defined]
    emit(body, lambda out: out.fields([("mreg", __version__), ("python", str(body["python"])), ("formats", formats)]))
