"""What a version is connected with: links, the runs that used it, and the versions that were made from it."""

from __future__ import annotations

from collections.abc import Callable
from sqlite3 import Connection

from mreg.operations import expiry
from mreg.operations.described import parse_time
from mreg.operations.query import load_records
from mreg.operations.resolve import Resolved, resolve
from mreg.refs import keys
from mreg.refs.keys import RunKey
from mreg.session.context import Context
from mreg.session.facts import INPUT_DIGESTS, Records
from mreg.session.index import Index
from mreg.session.listing import listed_holders
from mreg.values.entities import Consumer, Surroundings
from mreg.values.errors import Damaged

_DERIVED = (
    "SELECT DISTINCT v.artifact, v.number FROM facts f JOIN versions v ON v.id = f.version "
    f"WHERE f.key = {INPUT_DIGESTS} AND f.value = ? ORDER BY v.artifact, v.number"
)


def surroundings(context: Context, reference: str, told: Callable[[int], None] | None = None) -> Surroundings:
    """See `Repository.surroundings`. told: is told how many versions the tables have to read first."""
    view = context.view()
    target = resolve(context, reference, view)
    index = context.tables(view.look)
    holders = listed_holders(index, {target.name}).get(target.name, [])
    return Surroundings(
        links={one.link: tuple(alias.partition(":")[2] for alias in one.aliases) for one in holders},
        consumers=tuple(_consumers(index, target.digest)),
        derived=_derived(context, index, target, told),
        expires=expiry.known(context, view, target),
    )


def _consumers(index: Index, digest: str) -> list[Consumer]:
    uses = index.refs(keys.ALL_RUNS, f"#{digest}")
    found = [
        Consumer(key.run, parse_time(index.time_of(ref.seq)))
        for key, ref in ((keys.parse(text), ref) for text, ref in uses.items() if ref.value is not None)
        if isinstance(key, RunKey)
    ]
    return sorted(found, key=lambda one: one.time, reverse=True)


def _derived(
    context: Context, index: Index, target: Resolved, told: Callable[[int], None] | None
) -> tuple[str, ...] | None:
    def ask(db: Connection) -> list[tuple[str, int]]:
        return db.execute(_DERIVED, (target.digest,)).fetchall()

    records = Records(lambda digests: load_records(context, index, digests), told or (lambda _: None))
    try:
        return tuple(f"{artifact}:v{number}" for artifact, number in index.asked(records, ask))
    except Damaged:  # of another version: it says nothing about this one
        return None
