"""Checks of version records, manifests, and whatever else lies among the objects."""

from __future__ import annotations

from mreg.content import objects
from mreg.content.objects import DamagedObject
from mreg.session.context import Context
from mreg.storage import unreadable
from mreg.upkeep.check import Check
from mreg.values.canonical import Malformed
from mreg.values.digest import digest
from mreg.values.records import Manifest, VersionRecord


def check_records(context: Context, check: Check) -> None:
    """Invariants 8 to 10 of docs/format.md; what versions need."""
    _check_versions(context, check)
    _check_loose_objects(context, check)


def _check_versions(context: Context, check: Check) -> None:
    users, manifests = check.data.users, check.data.manifests
    deleted = ((called, name) for name, called in check.refs.deleted.items())
    for version, name in (*check.refs.versions.items(), *deleted):
        users[name].add(version)
        try:
            record = context.objects.version(name)
            users[record.manifest].add(version)
            manifest = manifests.get(record.manifest) or context.objects.manifest(record.manifest)
        except DamagedObject as error:
            check.found.add("record", objects.key_of(error.digest), error.reason, [version])
            continue
        manifests[record.manifest] = manifest
        if (record.files, record.size) != (len(manifest.files), manifest.size):
            check.found.add("record", objects.key_of(name), "it does not agree with its manifest", [version])
        for file in manifest.files:
            users[file.digest].add(version)


def _check_loose_objects(context: Context, check: Check) -> None:
    """Every object is what its name says, whether a version needs it or not."""
    known = {
        objects.key_of(name) for name in (*check.refs.versions.values(), *check.refs.deleted, *check.data.manifests)
    }
    for key in context.storage.list("objects"):
        if key in known:
            continue
        try:
            value = context.storage.get(key)
        except OSError as error:
            check.found.add("object", key, unreadable(error))
            continue
        if value is None:
            continue  # swept by a gc meanwhile
        name = key.removeprefix("objects/").replace("/", "")
        if digest(value.data) != name:
            check.found.add("object", key, "its bytes do not match its name", check.data.users.get(name, ()))
        elif not is_record(value.data):
            check.found.add("object", key, "it is no record that mreg writes")


def is_record(data: bytes) -> bool:
    for kind in (Manifest, VersionRecord):
        try:
            kind.from_bytes(data)
            return True
        except Malformed:
            continue
    return False
