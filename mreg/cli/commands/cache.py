"""`mreg cache ls` and `prune`: the ready-to-load copies that `mreg use` has made."""

from typing import Annotated

import mreg
from mreg.cli.commands.params import parsed
from mreg.cli.declared import Option
from mreg.cli.layout import Column
from mreg.cli.output import Out, age_text
from mreg.cli.state import State
from mreg.cli.text import path_text
from mreg.values.ages import parse_seconds
from mreg.values.sizes import parse_bytes
from mreg.values.words import count_text, size_text


def ls(state: State) -> None:
    """Show the contents of the cache: the size of each part, and all ready-to-load copies.

    The cache is MREG_CACHE, or the platform's cache folder. All repositories share it; this command needs none.
    """
    found = mreg.Cache().contents()
    state.emit(found, lambda out: _render(out, found))


def _render(out: Out, found: mreg.CacheContents) -> None:
    parts = [("ready copies", found.ready), ("lookup tables", found.tables), ("unfinished", found.unfinished)]
    sizes = [(part, f"{size_text(size)} ({size} bytes)") for part, size in [*parts, *found.other.items()] if size]
    out.fields([("cache", path_text(found.path)), *sizes])
    rows = [[_name(one), size_text(one.size), out.when(one.used), one.repository or ""] for one in found.copies]
    out.table(["copy", "size", Column("used", style="dim"), "repository"], rows)


def prune(
    state: State,
    older_than: Annotated[
        str | None,
        Option("--older-than", metavar="AGE", help="Delete copies not used for AGE (30d, 12h)."),
    ] = None,
    size: Annotated[
        str | None,
        Option("--size", metavar="SIZE", help="Delete the least recently used until copies take at most SIZE (20GiB)."),
    ] = None,
    force: Annotated[bool, Option("--force", help="Also delete copies used within the last 24 hours.")] = False,
    dry_run: Annotated[
        bool, Option("--dry-run", help="Change nothing; show what would be deleted, with sizes.")
    ] = False,
) -> None:
    """Delete ready-to-load copies, which `mreg use` can recreate. Print the number of bytes freed.

    Without options, delete all copies that were not used within the last 24 hours; with --older-than and --size,
    those that exceed either limit. Copies used within the last 24 hours are kept, as a program may still be reading
    them; --force deletes them too. Repositories and lookup tables are not touched. Other commands may run meanwhile.
    """
    done = mreg.Cache().prune(
        older_than=parsed("--older-than", older_than, parse_seconds),
        size=parsed("--size", size, parse_bytes),
        force=force,
        dry_run=dry_run,
    )
    copies = count_text(len(done.removed), "copy", "copies")
    state.note(f"{size_text(done.bytes)} {'would be freed' if dry_run else 'freed'}: {copies}")
    state.note_rows([[_name(one), size_text(one.size), f"used {age_text(one.used)}"] for one in done.removed])
    if done.held:
        held = count_text(len(done.held), "copy was kept", "copies were kept")
        state.note(f"{held}, used within the last 24 hours: {' '.join(map(_name, done.held))}")
        state.note("`mreg cache prune --force` deletes them too")
    if done.busy:
        state.note("files used for hard links were kept, as a copy is being made from them; prune again later")
    state.emit(done, lambda out: out.line(str(done.bytes)))


def _name(copy: mreg.ReadyCopy) -> str:
    return copy.name or f"@{copy.digest[:12]}"
