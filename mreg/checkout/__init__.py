"""Files out of a repository, verified: streamed, written into a folder, or as ready-to-load copies."""

from __future__ import annotations

from mreg.lazy import modules_of

TYPE_CHECKING = False  # as `typing` has it, without loading that

if TYPE_CHECKING:
    from mreg.checkout import (
        cache as cache,
        get as get,
        nearby as nearby,
        new_file as new_file,
        new_folder as new_folder,
        opened as opened,
        reader as reader,
        space as space,
        stored_file as stored_file,
    )
else:
    __getattr__ = modules_of(__name__)
