"""A folder with the version's files, and `SHA256SUMS`, which `sha256sum -c` checks."""

from __future__ import annotations

from mreg.exporters.plan import Copied, Plan, Subject, Written
from mreg.values.checksums import checksum_line
from mreg.values.file_names import local

SUMS = "SHA256SUMS"


def plan(subject: Subject) -> Plan:
    manifest = subject.manifest

    def rest(written: Written) -> dict[str, bytes]:
        lines = (checksum_line(written.sha256[file.digest], file.path) for file in manifest.files)
        return {SUMS: "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape")}

    return Plan(
        rest=rest,
        copied=tuple(Copied(local(file.path), file) for file in manifest.files),
        folders=tuple(map(local, manifest.folders)),
        hashed=True,
        reserved=(SUMS,),
    )
