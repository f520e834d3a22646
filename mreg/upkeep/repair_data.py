"""Repairing what nothing else says: records, packs and chunks, from the cache, other packs, or another repository."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from mreg.content import objects, packs
from mreg.content.pack_writer import PackWriter
from mreg.content.packs import DamagedChunk, Located, read_stored
from mreg.refs.journal import Mark
from mreg.refs.transaction import Draft, MissingPack
from mreg.session.context import Context
from mreg.upkeep.aside import move_aside, put_over
from mreg.upkeep.check import Check
from mreg.upkeep.check_records import is_record
from mreg.upkeep.findings import Repaired
from mreg.upkeep.garbage import Moved
from mreg.upkeep.heal import Healer, Plan
from mreg.upkeep.other_repository import OtherRepository, found_record, sound_record
from mreg.upkeep.reach import Reached, given_up

_ANY_SIZE = 1 << 62


def repair_records(context: Context, check: Check, source: OtherRepository) -> Iterator[Repaired]:
    """Put back records, from the cache or the source. Objects that are none, and that nothing needs, are moved
    aside, where all that is needed can be told."""
    told = check.refs.whole and not check.found.of("record")
    for finding in check.found.of("record", "object"):
        key, name = finding.what, objects.name_of(finding.what)
        if name is not None and sound_record(context.storage, key, name) is not None:
            continue  # it is what it was when it was written
        data, where = _found(context, source, name) if name is not None else (None, "")
        if data is not None:
            if put_over(context.storage, key, data):
                yield Repaired(finding.code, key, f"put back from {where}")
        elif finding.code == "object" and (name is None or (told and not check.data.users.get(name))):
            place = move_aside(context.storage, key)
            if place:
                yield Repaired("object", key, f"not needed: moved to {place}")


def _found(context: Context, source: OtherRepository, name: str) -> tuple[bytes | None, str]:
    """The record, and where it was found; it may still lie under a key that was dropped."""
    data = found_record(context.objects, name)
    if data is not None:
        return data, "a key that was dropped"
    data = context.index.records([name]).get(name)
    if data is not None and is_record(data):
        return data, "the cache"
    return source.record(name), source.location


def repair_packs(context: Context, check: Check, source: OtherRepository) -> Iterator[Repaired]:
    """Bring damaged and lost packs whole from the source, if it has them by name."""
    names = {packs.name_of(finding.what) or "" for finding in check.found.of("pack")}
    for name in sorted(names | {located.pack for located in check.data.broken}):
        if source.copy_pack(name, context):
            yield Repaired("pack", packs.key_of(name), f"put back from {source.location}")


def repair_dropped(context: Context, check: Check) -> list[Repaired]:
    """Bring back packs that an entry dropped although live versions need what is in them: they are named again, or,
    where they are dead, what is needed of them is written into a new one. Raises Moved."""
    if not check.refs.whole:
        return []  # nobody knows which packs are read from
    deleted = set(check.refs.deleted.values())
    needed = {chunk for chunk, users in check.data.users_by_chunk().items() if users - deleted}
    indexes, registered = check.data.indexes, check.refs.registered
    read = {name: indexes[name] for name in registered if name in indexes}
    damaged = {located.pack for located in check.data.broken}
    names = sorted(given_up(Reached(chunks=needed), read, indexes) - damaged)
    dead = [name for name in names if packs.key_of(name) in check.refs.dead]
    back = [name for name in names if name not in dead]
    with PackWriter(context.storage) as writer:
        for name in dead:
            _carry_needed(context, check, name, writer)
        new = [] if writer.empty else [writer.publish()]
    if not back and not new:
        return []
    try:
        seq = _commit(context, check, tuple(sorted((*back, *new))), []).seq
    except MissingPack:  # a gc has deleted it since
        raise Moved() from None
    done = [Repaired("pack", packs.key_of(name), f"versions need it: restored by entry {seq}") for name in back]
    told = f"versions need it: rewritten into pack {''.join(new)}, named by entry {seq}"
    return done + [Repaired("pack", packs.key_of(name), told) for name in dead]


def _carry_needed(context: Context, check: Check, name: str, writer: PackWriter) -> None:
    """Put what versions need of a pack into the writer, as it is stored there; and its recipes."""
    index, data = check.data.indexes[name], check.data
    files = {file: pieces for file, pieces in index.recipes.items() if file.hex() in data.users}
    wanted = data.users_by_chunk().keys() | {piece.digest for pieces in files.values() for piece in pieces}
    for entry in sorted(index.chunks, key=lambda entry: -entry.position):
        if entry.digest in wanted and entry.digest not in data.places and entry.digest not in writer:
            form = memoryview(bytearray(entry.stored))
            with suppress(DamagedChunk):
                read_stored(context.storage, Located(name, entry), form)
                writer.carry(entry, form)
                wanted |= {entry.base} if entry.base else set()  # which stands lower, and so comes later
    for file, pieces in files.items():
        if writer.recipe(file) is None:
            writer.add_recipe(file, pieces)


def repair_chunks(context: Context, check: Check, source: OtherRepository) -> list[Repaired]:
    """Write a new pack of the chunks that are damaged or missing here and sound in the source, and of what is still
    good in the packs that they were damaged in, which it takes the place of. Raises Moved where somebody
    committed meanwhile; Damaged."""
    if not check.refs.whole:
        return []  # nobody knows which packs are read from
    with PackWriter(context.storage) as writer:
        healer = Healer(context, check, source, writer)
        healer.heal_files()
        brought, size = len(healer.brought), writer.new
        plan = healer.plan()
        left = [name for name in plan.replaced if not healer.carry(name)]
        pack = ""
        gone = [name for name in (*plan.replaced, *plan.useless) if name in check.refs.registered]
        if writer.empty and not gone:
            return _set_loose_aside(context, check, plan)
        if not writer.empty:
            pack = writer.publish()
    entry = _commit(context, check, (pack,) if pack else (), gone)
    done = _set_loose_aside(context, check, plan)
    if brought:
        what = f"{brought} chunk{'s' * (brought != 1)} ({size} bytes) from {healer.whence}, named by entry {entry.seq}"
        done.append(Repaired("chunk", packs.key_of(pack), what))
    for name in plan.replaced:
        into = f"rewritten into pack {pack}" if pack else "nothing in it was needed"
        rest = ", and left there, as it could not be read completely" if name in left else ""
        done.append(Repaired("pack", packs.key_of(name), f"{into}; dropped by entry {entry.seq}{rest}"))
    for name in plan.useless:
        if name in check.refs.registered:
            told = f"no longer needed: dropped by entry {entry.seq}"
            done.append(Repaired("pack", packs.key_of(name), told))
    _delete(context, entry, [name for name in plan.replaced if name not in left], plan.useless)
    return done


def _set_loose_aside(context: Context, check: Check, plan: Plan) -> list[Repaired]:
    """Packs from which nothing is read are moved aside, also without a word in the journal."""
    loose = [name for name in plan.useless if name not in check.refs.registered]
    loose += sorted({located.pack for located in check.data.broken} - check.refs.registered.keys())
    moved = ((packs.key_of(name), move_aside(context.storage, packs.key_of(name), _ANY_SIZE)) for name in loose)
    return [Repaired("pack", key, f"unused: moved to {place}") for key, place in moved if place]


def _commit(context: Context, check: Check, new: tuple[str, ...], gone: list[str]) -> Mark:
    def build(draft: Draft) -> None:
        if draft.view.head != check.refs.head:
            raise Moved()
        draft.packs, draft.drops = new, tuple(sorted(map(packs.key_of, gone)))

    return context.commit("fsck --repair", build).look.head


def _delete(context: Context, announced: Mark, replaced: list[str], useless: list[str]) -> None:
    """Delete what was announced, unless a writer has named it since. What is of no use is kept aside."""
    with context.lock():
        named = {name for _, later in context.journal.rest(announced) for name in later.packs}
        for name in replaced:
            if name not in named:
                context.storage.delete(packs.key_of(name))
        for name in useless:
            if name not in named:
                move_aside(context.storage, packs.key_of(name), _ANY_SIZE)
