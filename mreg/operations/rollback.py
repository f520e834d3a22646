"""`alias rollback`: an alias back to where it was before, as the journal tells.

A place that a rollback or an undo left does not count: whoever rolls back twice goes back twice, and does not end where
they began.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mreg import operations
from mreg.operations.aliases import AliasSet, set_in_draft
from mreg.operations.renamed import followed, name_before
from mreg.operations.resolve import DeletedVersion, Resolved, require_kind, resolve_in, unknown_alias
from mreg.refs.journal import Entry, Journal
from mreg.refs.keys import AliasKey
from mreg.refs.transaction import Draft
from mreg.refs.view import alias_number
from mreg.session.context import Context
from mreg.values import names
from mreg.values.errors import InvalidInput, NotFound
from mreg.values.named_tuple import NamedTuple
from mreg.values.names import Reference, Selector, parse_version

COMMAND = "alias rollback"


class NoEarlierPlace(NotFound):
    code = "no-earlier-place"
    template = "{name}:{alias} cannot go back {steps} (earlier versions: {count})"

    name: str
    alias: str
    steps: int
    count: int


class InvalidSteps(InvalidInput):
    code = "invalid-steps"
    template = "{steps} is not a valid number of steps; the minimum is 1"

    steps: int


class _Move(NamedTuple):
    """The alias went from `old` to `new` (None: it did not exist). back: a rollback or an undo took it there."""

    old: str | None
    new: str | None
    back: bool


def roll_back(
    context: Context,
    alias: str,
    name: str,
    *,
    steps: int = 1,
    expect: str | Sequence[str] | None = None,
    message: str | None = None,
) -> AliasSet:
    """See `Repository.roll_back_alias`. Raises NoEarlierPlace, InvalidSteps, AliasMoved, InvalidExpectation,
    NotFound."""
    alias, name = names.check_alias(alias), names.check_name(name)
    key = AliasKey(name, alias)
    expected = operations.expect.parse(expect, [key])
    if steps < 1:
        raise InvalidSteps(steps=steps)

    def build(draft: Draft) -> AliasSet:
        require_kind(context, draft.view, name)
        last = draft.view.ref(key).seq
        if not last:
            raise unknown_alias(context, draft.view, name, alias)
        operations.expect.check(draft, expected)
        before = draft.value(key)
        number = alias_number(key, _place(context.journal, key, last, steps))
        target = _target(context, draft, key, number, steps)
        set_in_draft(draft, name, alias, number)
        return AliasSet(name, alias, number, parse_version(before or ""), target.name)

    told = f" --steps {steps}" if steps > 1 else ""
    done = context.commit(f"{COMMAND} {alias} {name}{told}", build, message=message, alone=True)
    return operations.changes.report(context, done)


def _target(context: Context, draft: Draft, key: AliasKey, number: int, steps: int) -> Resolved:
    try:
        return resolve_in(context, draft.view, Reference(key.collection, Selector(number=number)))
    except DeletedVersion as error:
        error.facts["hint"] = f"`--steps {steps + 1}` goes back further"
        raise


def _place(journal: Journal, key: AliasKey, last: int, steps: int) -> str:
    """Where the alias was that many places before. last: the entry that moved it last. Entries are read only as far
    back as they matter."""
    moves: list[_Move] = []
    for move in _moves(journal, key, last):
        moves.append(move)
        earlier, sure = _earlier(moves[::-1])
        if sure and len(earlier) >= steps:
            return earlier[-steps]
    earlier, _ = _earlier(moves[::-1])
    if len(earlier) < steps:
        raise NoEarlierPlace(name=key.collection, alias=key.alias, steps=steps, count=len(earlier))
    return earlier[-steps]


def _moves(journal: Journal, key: AliasKey, last: int) -> Iterator[_Move]:
    """How the alias was moved, the last move first; renames of its collection are followed."""
    for entry, name in followed(journal, key.collection, last):
        change = next((one for one in entry.changes if one.ref == AliasKey(name, key.alias)), None)
        if change is not None and name_before(entry, name) == name:
            yield _Move(change.old, change.new, _goes_back(entry))


def _goes_back(entry: Entry) -> bool:
    return entry.command.startswith(("undo ", f"{COMMAND} "))


def _earlier(moves: Sequence[_Move]) -> tuple[list[str], bool]:
    """The places before the present one, the last one last, by these moves, the first one first; and whether what came
    before these moves could not change it."""
    first = moves[0].old
    places = [] if first is None else [first]
    sure = True
    for move in moves:
        if move.new is None:
            continue
        if move.back and move.new in places:
            del places[_last(places, move.new) + 1 :]
        elif not places or places[-1] != move.new:
            sure = sure and not move.back
            places.append(move.new)
    return (places[:-1] if moves[-1].new is not None else places), sure


def _last(places: Sequence[str], place: str) -> int:
    return max(at for at, one in enumerate(places) if one == place)
