"""The importers, by name; and which one a source is for."""

from __future__ import annotations

import os
from types import ModuleType
from typing import Final

from mreg import lazy
from mreg.importers.faults import SeveralKinds, UnknownKind, UnknownSource
from mreg.importers.plan import Options, Plan
from mreg.values.errors import MissingPath
from mreg.values.import_kinds import meant

__all__ = ["KINDS"]

KINDS: Final = {
    "huggingface": "mreg.importers.huggingface",
    "dvc": "mreg.importers.dvc",
    "gto": "mreg.importers.gto",
    "mlflow": "mreg.importers.mlflow",
    "oci": "mreg.importers.oci",
    "wandb": "mreg.importers.wandb",
    "checkpoints": "mreg.importers.checkpoints",
}
"""The module of each. The last one is asked where no other knows the source: what it looks for is in many folders."""


def read(source: str, kind: str | None, options: Options) -> Plan:
    """What the source holds. Raises UnknownKind, UnknownSource, SeveralKinds, MissingPath, and as the importer does."""
    plan: Plan = _importer(source, kind).read(source, options)
    return plan


def _importer(source: str, kind: str | None) -> ModuleType:
    if kind is not None and kind not in KINDS:
        raise UnknownKind(kind=kind, kinds=", ".join(KINDS), near=meant(kind))
    if not os.path.exists(source):
        raise MissingPath(path=source)
    if kind is not None:
        return lazy.load(KINDS[kind])
    *others, last = KINDS
    found = [name for name in others if lazy.load(KINDS[name]).recognises(source)]
    if not found and lazy.load(KINDS[last]).recognises(source):
        found = [last]
    if not found:
        raise UnknownSource(source=source, kinds=", ".join(KINDS))
    if len(found) > 1:
        raise SeveralKinds(source=source, kinds=" or ".join(found))
    return lazy.load(KINDS[found[0]])
