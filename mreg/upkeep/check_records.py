"""Checks of version records, manifests, and whatever else lies among the objects."""

from __future__ import annotations

from mreg.content import objects
from mreg.content.objects import DamagedObject, ObjectsAt
from mreg.refs import heading
from mreg.refs.heading import DamagedConfig
from mreg.refs.keys import CONFIG
from mreg.session.context import Context
from mreg.storage import unreadable
from mreg.upkeep.check import Check
from mreg.values.canonical import Malformed, Newer
from mreg.values.digest import digest
from mreg.values.formats import NEWEST
from mreg.values.records import Manifest, VersionRecord


def check_records(context: Context, check: Check) -> None:
    """Invariants 8 to 10 of docs/format.md; what versions and attachments need."""
    _check_versions(context, check)
    _check_attachments(context, check)
    _check_loose_objects(context, check)


def _check_versions(context: Context, check: Check) -> None:
    users, manifests, limit = check.data.users, check.data.manifests, _format(context, check)
    records = _records(context, check)
    deleted = ((called, one.digest) for one, called in check.refs.deleted.items() if one.is_version)
    for version, name in (*check.refs.versions.items(), *deleted):
        users[name].add(version)
        try:
            record = records.version(name)
            users[record.manifest].add(version)
            manifest = manifests.get(record.manifest) or records.manifest(record.manifest)
        except DamagedObject as error:
            check.found.add("record", records.key(error.digest), error.reason, [version])
            continue
        if limit < 2:
            for digest, one in ((name, record), (record.manifest, manifest)):
                if one.beyond_format_1:
                    check.found.add("config", records.key(digest), _beyond(2, limit), [version])
        manifests[record.manifest] = manifest
        if (record.files, record.size) != (len(manifest.files), manifest.size):
            check.found.add("record", records.key(name), "it does not agree with its manifest", [version])
        for file in manifest.files:
            users[file.digest].add(version)


def _check_attachments(context: Context, check: Check) -> None:
    users, manifests = check.data.users, check.data.manifests
    records = _records(context, check)
    deleted = ((called, one.digest) for one, called in check.refs.deleted.items() if not one.is_version)
    for attachment, name in (*check.refs.attached.items(), *deleted):
        users[name].add(attachment)
        try:
            manifest = manifests.get(name) or records.manifest(name)
        except DamagedObject as error:
            check.found.add("record", records.key(name), error.reason, [attachment])
            continue
        manifests[name] = manifest
        for file in manifest.files:
            users[file.digest].add(attachment)


def _records(context: Context, check: Check) -> ObjectsAt:
    """The objects under the keys that count, as of when the versions were listed."""
    died = dict(check.refs.dead)
    return ObjectsAt(context.storage, died.get)


def _check_loose_objects(context: Context, check: Check) -> None:
    """Every object is what its name says, whether a version needs it or not. What is dead is nothing: gc deletes it."""
    records, limit = _records(context, check), _format(context, check)
    roots = (*check.refs.versions.values(), *check.refs.attached.values(), *(one.digest for one in check.refs.deleted))
    known = {records.key(name) for name in (*roots, *check.data.manifests)}
    for key in context.storage.list("objects"):
        if key in known or key in check.refs.dead:
            continue
        try:
            value = context.storage.get(key)
        except OSError as error:
            check.found.add("object", key, unreadable(error))
            continue
        if value is None:
            continue  # swept by a gc meanwhile
        name = objects.name_of(key) or key
        if digest(value.data) != name:
            check.found.add("object", key, "its bytes do not match its name", check.data.users.get(name, ()))
            continue
        found = _format_of(value.data)
        if found is None:
            check.found.add("object", key, "it is not a record written by mreg")
        elif found > limit:
            check.found.add("config", key, _beyond(found, limit))


def is_record(data: bytes) -> bool:
    """Is it a record of a format that this release knows?"""
    return (_format_of(data) or NEWEST + 1) <= NEWEST


def _format_of(data: bytes) -> int | None:
    """The format of the record, also one to come; None for what is no record."""
    for kind in (Manifest, VersionRecord):
        try:
            return 2 if kind.from_bytes(data).beyond_format_1 else 1
        except Newer as error:
            return error.found
        except Malformed:
            continue
    return None


def _format(context: Context, check: Check) -> int:
    """That of the repository, as the journal has it."""
    try:
        return heading.of(check.refs.state[CONFIG].value).format
    except (DamagedConfig, KeyError):  # said where the file is checked
        return context.identity.format


def _beyond(found: int, limit: int) -> str:
    return f"it has format {found} in a repository of format {limit}"
