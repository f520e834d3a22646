"""One open repository: where it is, whose it is, its settings, and its disposable lookup tables."""

from __future__ import annotations

from mreg.lazy import modules_of

TYPE_CHECKING = False  # as `typing` has it, without loading that

if TYPE_CHECKING:
    from mreg.session import (
        buckets as buckets,
        change as change,
        checkpoints as checkpoints,
        index as index,
        pack_indexes as pack_indexes,
        remotes as remotes,
        trust as trust,
    )
else:
    __getattr__ = modules_of(__name__)
