"""Immutable bytes: files cut into chunks, chunks compressed into packs, and records named by their digest."""

from __future__ import annotations

from mreg.lazy import modules_of

TYPE_CHECKING = False  # as `typing` has it, without loading that

if TYPE_CHECKING:
    from mreg.content import (
        objects as objects,
        packs as packs,
        parallel as parallel,
        statistics as statistics,
    )
else:
    __getattr__ = modules_of(__name__)
