"""Versions between two repositories: what the other side lacks is sent, verified, and named there by one change.

Two sides are two `Context`s, of which one is only read. What is sent are chunks as they are stored, in packs that an
entry of the receiving side names as soon as each has arrived (`sync/sending.py`), then records, and then one entry with
all refs (`sync/transfer.py`). So a transfer that was interrupted goes on from what the journal there names, and nothing
else is remembered anywhere. Journals are never merged; what a version is, is told by the digest of its record.
"""

from __future__ import annotations

from mreg.lazy import modules_of

TYPE_CHECKING = False  # as `typing` has it, without loading that

if TYPE_CHECKING:
    from mreg.sync import (
        bringing as bringing,
        bundles as bundles,
        mirror as mirror,
        request as request,
        transfer as transfer,
    )
else:
    __getattr__ = modules_of(__name__)
