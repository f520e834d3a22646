"""Keeps a repository well: garbage collection, repacking, retention, disk usage, checks and repairs."""

from __future__ import annotations

from mreg.lazy import modules_of

TYPE_CHECKING = False  # as `typing` has it, without loading that

if TYPE_CHECKING:
    from mreg.upkeep import (
        findings as findings,
        fsck as fsck,
        gc as gc,
        quality as quality,
        repack as repack,
        repair as repair,
        repair_refs as repair_refs,
        retention as retention,
        usage as usage,
    )
else:
    __getattr__ = modules_of(__name__)
