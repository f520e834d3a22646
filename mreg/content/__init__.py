"""Immutable bytes: cutting files into chunks, codecs, formats, packs, chunks and objects."""

from __future__ import annotations

from mreg.lazy import modules_of

TYPE_CHECKING = False  # as `typing` has it, without loading that

if TYPE_CHECKING:
    from mreg.content import (
        objects as objects,
        packs as packs,
    )
else:
    __getattr__ = modules_of(__name__)
