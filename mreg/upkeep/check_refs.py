"""Checks of the journal and of the ref files. Takes no lock: a ref that a writer moves meanwhile is told
from a damaged one by its entry number."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from mreg.content import packs
from mreg.refs import dead, heading, keys, ref_files, rules
from mreg.refs.heading import DamagedConfig
from mreg.refs.journal import APPLIED, DamagedJournal, Entry, Mark, MissingEntry, key_of, parse_mark, seq_of
from mreg.refs.keys import CONFIG, ArtifactKey, AttachmentKey, CollectionKind, LinkKey, RefKey, UnknownKey, VersionKey
from mreg.refs.ref_files import NEVER, DamagedRef, Ref
from mreg.session import config
from mreg.session.context import Context
from mreg.storage import unreadable
from mreg.storage.keys import is_key
from mreg.upkeep import reach
from mreg.upkeep.check import Check, called
from mreg.upkeep.check_names import check_names
from mreg.values.digest import is_digest
from mreg.values.errors import Damaged
from mreg.values.formats import FIRST


def check_refs(context: Context, check: Check) -> None:
    """Invariants 1 to 6 of docs/format.md: journal, mark, ref files, and what they point at."""
    applied = _check_mark(context, check)
    head = _replay(context, check, applied)
    _check_config(context, check)
    if applied.seq > head.seq:
        check.found.add("applied-mark", APPLIED, f"it says {applied.seq}, but the journal ends at {head.seq}")
    _check_files(context, check, applied, head)
    _check_pointers(check)
    _check_numbers(check)
    check_names(check)


def _check_mark(context: Context, check: Check) -> Mark:
    mark = None
    try:
        value = context.storage.get(APPLIED)
        mark = parse_mark(value.data) if value else None
        if value and mark is None:
            check.found.add("applied-mark", APPLIED, "its checksum does not match")
    except OSError as error:
        check.found.add("applied-mark", APPLIED, unreadable(error))
    return mark or Mark(0, context.journal.origin)


def _replay(context: Context, check: Check, applied: Mark) -> Mark:
    """Read the whole journal; each ref's last state goes to `check.refs.state`."""
    journal = context.journal
    mark = check.refs.head = Mark(0, journal.origin)
    kept: dict[RefKey, str] = {}
    check.refs.state[CONFIG] = Ref(heading.as_made(journal.origin, None, context.identity.format), 0)
    try:
        for mark, entry in reach.whole_journal(journal):
            if mark.seq == applied.seq and mark != applied:
                check.found.add("journal-entry", key_of(mark.seq), "it is not the entry that was applied")
            check.refs.entries.append(entry)
            if mark.seq == 1:
                check.refs.state[CONFIG] = Ref(heading.as_made(journal.origin, entry, 0), 0)
            _replay_entry(check, entry, kept)
            check.refs.note_packs(entry)
            check.refs.head = mark
    except MissingEntry as error:
        check.found.add("journal-gap", key_of(error.seq), error.reason, _all_versions(context))
        check.refs.whole = False
    except DamagedJournal as error:
        check.found.add("journal-entry", key_of(error.seq), error.reason, _all_versions(context))
        check.refs.whole = False
    for key in context.storage.list("journal"):
        if seq_of(key) is None and key != APPLIED:
            check.found.add("foreign-file", key, "it is not a journal entry")
    return mark


def _all_versions(context: Context) -> list[str]:
    """What nobody can answer for: who makes the lookup tables anew reads the whole journal for that."""
    found = map(keys.parse, context.storage.list(keys.KIND_FOLDER[CollectionKind.ARTIFACT].rstrip("/")))
    return [key.version for key in found if isinstance(key, VersionKey)]


def _replay_entry(check: Check, entry: Entry, kept: dict[RefKey, str]) -> None:
    """kept: the digest that each number means for ever."""
    for fault in (*_wrong_drops(entry), *_revived(check, entry)):
        check.found.add("journal-change", key_of(entry.seq), fault)
    config_before = check.refs.state[CONFIG].value
    for change in entry.changes:
        ref, old, new = change
        key = keys.parse(ref)
        if entry.format == FIRST and any(rules.of_format_2(key, one) for one in (old, new)):
            check.found.add("journal-change", key_of(entry.seq), f"it moves {ref}, as only format 2 can")
        before = check.refs.state.get(key, NEVER)
        brought = new is None and before.seq == 0  # a rename brings the numbers of deleted versions along
        if old != before.value and not brought:
            check.found.add("journal-change", key_of(entry.seq), f"it moves {ref} from {old!r}, but it was not there")
        if isinstance(key, VersionKey | LinkKey) and _means_another(key, (old, new), kept):
            name, hurt = (key.version, [key.version]) if isinstance(key, VersionKey) else (key.link, [])
            check.found.add("journal-change", key_of(entry.seq), f"it makes another version of {name}", hurt)
        check.refs.state[key] = ref_files.left_by(change, entry.seq)
    _check_format(check, entry, config_before)


def _means_another(key: VersionKey | LinkKey, values: Iterable[str | None], kept: dict[RefKey, str]) -> bool:
    """Does the number mean something else with one of these values? A version has one digest for ever, a link only if
    its number was reserved for one."""
    for value in values:
        promised = rules.reserved(key, value)
        root = rules.root(key, value)
        said = str(promised.digest) if promised else root.digest if root else None
        bound = promised or key in kept or isinstance(key, VersionKey)
        if said is not None and bound and kept.setdefault(key, said) != said:
            return True
    return False


def _check_format(check: Check, entry: Entry, before: str | None) -> None:
    """Entries have the format of the repository, which is never lowered. before: the config before the entry."""
    try:
        old, new = heading.of(before).format, heading.of(check.refs.state[CONFIG].value).format
    except DamagedConfig:
        return  # said where the config is checked
    if new < old:
        check.found.add("config", key_of(entry.seq), f"it lowers the format of the repository from {old} to {new}")
    elif entry.format != new:
        check.found.add("config", key_of(entry.seq), f"it has format {entry.format} in a repository of format {new}")


def _wrong_drops(entry: Entry) -> Iterator[str]:
    """What the entry says it drops, and cannot."""
    could_be = _may_be_data if entry.format == FIRST else set(dead.dying(entry)).__contains__
    for key in entry.drops:
        if not could_be(key):
            yield f"it drops {key!r}, which is neither a pack nor an object"
    if entry.format > FIRST and list(entry.drops) != sorted(set(entry.drops)):
        yield "what it drops is not sorted"


def _revived(check: Check, entry: Entry) -> Iterator[str]:
    """The packs that the entry names although they were dropped for ever."""
    for name in entry.packs:
        seq = check.refs.dead.get(packs.key_of(name))
        if seq is not None:
            yield f"it names pack {name}, which entry {seq} dropped permanently"


def _may_be_data(key: str) -> bool:
    """Is it the key of a pack, or one below `objects`, where a gc by format 1 also took what is no record?"""
    pack = packs.name_of(key)
    is_pack = pack is not None and is_digest(pack) and packs.key_of(pack) == key
    return is_pack or (key.startswith("objects/") and is_key(key))


def _check_config(context: Context, check: Check) -> None:
    """The file, and the value that an entry not applied yet will give it: that is what commands read already."""
    file = NEVER
    try:
        data = config.read(context.storage)
        if data is None:
            check.found.add("config", CONFIG, "it is missing")
        else:
            config.identify(data)  # before its checksum: what a newer format has in its place is unknown
            file = config.check(data)
            for fault in _config_faults(context, file):
                check.found.add("config", CONFIG, fault)
    except Damaged as error:
        check.found.add("config", CONFIG, error.reason)
    ref = check.refs.state[CONFIG]
    if ref.seq > file.seq:
        for fault in _config_faults(context, ref):
            check.found.add("config", key_of(ref.seq), f"it makes a damaged {CONFIG}: {fault}")


def _config_faults(context: Context, ref: Ref) -> Iterator[str]:
    """What is wrong with this value of the config. Raises NewerFormat."""
    try:
        identity = heading.of(ref.value)
        settings = config.decode(ref)
    except DamagedConfig as error:
        yield error.reason
        return
    if identity.id != context.identity.id or identity.format < context.identity.format:
        yield "it changed its format or id"
    for name in sorted(settings.keys() & config.SETTINGS.keys()):
        fault = config.fault(name, settings[name])
        if fault:
            yield f"it sets {name!r} to an invalid value: {fault}"


def _check_files(context: Context, check: Check, applied: Mark, head: Mark) -> None:
    """Each ref file against what the journal says of its refs."""
    expected: dict[str, dict[RefKey, Ref]] = defaultdict(dict)
    for key, ref in check.refs.state.items():
        expected[key.file][key] = ref
    moved_by: dict[int, str] = {}
    for file in sorted(set(ref_files.files(context.storage)) - expected.keys()):
        seq = _moved_by(context, file)
        moved_by[seq] = file
        if seq <= head.seq and not context.journal.has(head.seq + 1):
            check.found.add("foreign-file", file, "no entry of the journal made it")
    for file, wanted in sorted(expected.items()):
        try:
            found = ref_files.read_all(context.storage, file, wanted)
        except DamagedRef as error:
            check.found.add("ref", file, error.reason, _hurt(check, wanted))
            continue
        moved_by[max((ref.seq for ref in found.values()), default=0)] = file
        for key, ref in wanted.items():
            fault = _compare(found.get(key, NEVER), ref, applied, head)
            if fault:
                check.found.add("ref", key, fault, _hurt(check, {key: ref}))
    _check_end(context, check, head, moved_by)


def _check_end(context: Context, check: Check, head: Mark, moved_by: dict[int, str]) -> None:
    """Was a ref moved by an entry that is gone? moved_by: the entries that moved the files last, each with one."""
    lost = [seq for seq in moved_by if seq > head.seq and not context.journal.has(seq)]
    if lost and check.refs.whole:
        reason = ref_files.lost_reason(moved_by[max(lost)], max(lost))
        check.found.add("journal-gap", key_of(head.seq + 1), reason, _all_versions(context))
        check.refs.whole = False


def _moved_by(context: Context, file: str) -> int:
    try:
        return ref_files.moved_by(context.storage, file)
    except DamagedRef:
        return 0


def _compare(found: Ref, wanted: Ref, applied: Mark, head: Mark) -> str | None:
    """What is wrong with a ref's file, or None."""
    if found.seq > head.seq:
        return None  # moved since we read the journal
    if found.seq < wanted.seq:
        if wanted.seq > applied.seq:
            return None  # committed, not applied yet: the next writer does that
        return "it is missing" if found is NEVER else f"it is older than entry {wanted.seq}, which was applied"
    if found.seq > wanted.seq:
        return f"it names entry {found.seq}, which did not move it"
    return None if found.value == wanted.value else f"it is not what entry {wanted.seq} made it"


def _hurt(check: Check, wanted: Mapping[RefKey, Ref]) -> set[str]:
    """The versions that these refs are, or whose artifact they are."""
    live = {key for key, ref in wanted.items() if ref.value is not None}
    artifacts = {key.name for key in live if isinstance(key, ArtifactKey)}
    versions = ((key, ref) for key, ref in check.refs.state.items() if isinstance(key, VersionKey))
    return {
        key.version for key, ref in versions if key in live or (key.artifact in artifacts and ref.value is not None)
    }


def _check_pointers(check: Check) -> None:
    """What refs say is of the right form, and what they need exists."""
    for key, ref in check.refs.state.items():
        if ref.value is None or isinstance(key, UnknownKey):
            continue
        fault = rules.fault(key, ref.value) or _unmet(check, key, ref.value)
        if fault:
            check.found.add("pointer", key, fault)
        elif isinstance(key, VersionKey):
            check.refs.versions[key.version] = ref.value
        elif isinstance(key, AttachmentKey):
            check.refs.attached[called(key)] = ref.value


def _unmet(check: Check, key: RefKey, value: str) -> str | None:
    need = rules.unmet(key, value, lambda other: check.refs.state.get(other, NEVER).value)
    if need is None:
        return None
    there = need.value is not None and any(check.refs.state.get(other, NEVER).value for other in need.keys)
    return f"{rules.words(need.keys[0])} {'is not the one that was linked' if there else 'does not exist'}"


def _check_numbers(check: Check) -> None:
    """Numbers are given without gaps, so the highest says how many there are."""
    given: dict[str, list[int]] = defaultdict(list)
    for key in check.refs.state:
        if isinstance(key, VersionKey):
            given[keys.in_artifact(key.artifact).rstrip("/")].append(key.number)
        elif isinstance(key, LinkKey):
            given[key.file].append(key.number)
    for folder, numbers in given.items():
        if sorted(numbers) != list(range(len(numbers))):
            check.found.add("numbers", folder, "its version numbers have a gap")
