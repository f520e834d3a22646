"""The truth about names: ref files, the journal, the view that readers have, and the commit."""

from __future__ import annotations

from mreg.lazy import modules_of

TYPE_CHECKING = False  # as `typing` has it, without loading that

if TYPE_CHECKING:
    from mreg.refs import (
        journal as journal,
        transaction as transaction,
    )
else:
    __getattr__ = modules_of(__name__)
