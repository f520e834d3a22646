"""The byte store below everything: the contract. Implementations are imported from their own modules."""

from mreg.storage.base import ABSENT, ANY, LockTimeout, PutLost, Staged, Stat, Storage, Value, unreadable

__all__ = ["ABSENT", "ANY", "LockTimeout", "PutLost", "Staged", "Stat", "Storage", "Value", "unreadable"]
