"""Bytes under keys, and the few system calls that make them durable.

The contract is exported here; each store is imported from its own module.
"""

from __future__ import annotations

from mreg.lazy import modules_of
from mreg.storage.base import (
    ABSENT,
    ANY,
    Listed,
    LockTimeout,
    Put,
    PutLost,
    Remote,
    Staged,
    Stat,
    Storage,
    Value,
    unreadable,
)

__all__ = [
    "ABSENT",
    "ANY",
    "Listed",
    "LockTimeout",
    "Put",
    "PutLost",
    "Remote",
    "Staged",
    "Stat",
    "Storage",
    "Value",
    "unreadable",
]

TYPE_CHECKING = False  # as `typing` has it, without loading that

if TYPE_CHECKING:
    from mreg.storage import (
        clouds as clouds,
        leftovers as leftovers,
        lock as lock,
        probe as probe,
        rights as rights,
        sftp as sftp,
        temporary as temporary,
        web as web,
    )
else:
    __getattr__ = modules_of(__name__)
