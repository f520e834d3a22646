"""What people do with names and versions, one module per subject.

Each function takes the open repository's `Context` first. One that changes something drafts refs, and commits them as
one journal entry.
"""

from __future__ import annotations

from mreg.lazy import modules_of

TYPE_CHECKING = False  # as `typing` has it, without loading that

if TYPE_CHECKING:
    from mreg.operations import (
        aliases as aliases,
        attaching as attaching,
        attachments as attachments,
        changes as changes,
        collections as collections,
        described as described,
        diff as diff,
        digests as digests,
        expect as expect,
        expiry as expiry,
        files as files,
        history as history,
        interpreter as interpreter,
        lineage as lineage,
        links as links,
        log as log,
        log_files as log_files,
        log_request as log_request,
        metrics as metrics,
        noted as noted,
        numbers as numbers,
        owners as owners,
        past as past,
        policies as policies,
        properties as properties,
        query as query,
        remotes as remotes,
        rename as rename,
        resolve as resolve,
        rollback as rollback,
        search as search,
        selecting as selecting,
        settings as settings,
        surroundings as surroundings,
        tensor_lists as tensor_lists,
        tensors as tensors,
        types as types,
        undo as undo,
        upgrade as upgrade,
        versions as versions,
    )
else:
    __getattr__ = modules_of(__name__)
