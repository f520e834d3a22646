"""What an export has made."""

from __future__ import annotations

from mreg.values.named_tuple import NamedTuple

__all__ = ["Exported"]


class Exported(NamedTuple):
    """path: of the folder that was made. version: `artifact:vN`. form: `folder`, `hf` or `oci`. files, size: how many
    files were written (of a dry run: how many the version has), and their bytes. cloned: how many of them share the
    room of the copy in the cache. notes: what was left out, in sentences."""

    path: str
    version: str
    form: str
    files: int
    size: int
    cloned: int
    notes: tuple[str, ...] = ()
    dry_run: bool = False
