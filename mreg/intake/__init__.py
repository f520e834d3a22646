"""Files into a repository: find them, read each once, and store the chunks that are new."""

from __future__ import annotations

from mreg.lazy import modules_of

TYPE_CHECKING = False  # as `typing` has it, without loading that

if TYPE_CHECKING:
    from mreg.intake import (
        bases as bases,
        hashing as hashing,
        mapping as mapping,
        pipeline as pipeline,
        scan as scan,
    )
else:
    __getattr__ = modules_of(__name__)
