"""The truth about names: keys and their rules, ref files, the journal, views of it, and the commit.

No other room knows how a ref is spelt.
"""

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
