"""The tensors of a version, and which of them changed since the version before. The recipes tell that of long tensors;
of short ones, of which several share a chunk, it is read."""

from __future__ import annotations

from typing import Final

from mreg import operations
from mreg.content.buffers import Buffers
from mreg.operations.measuring import are_equal
from mreg.operations.tensor_source import Source, Unreadable
from mreg.session.context import Context
from mreg.values.entities import Version
from mreg.values.errors import Damaged
from mreg.values.named_tuple import NamedTuple
from mreg.values.tensors import Tensor, natural

MOST: Final = 2000
"""Tensors of a version that are listed."""


class TensorRow(NamedTuple):
    """state: "new", "changed" or "equal" beside the version before; "" where there is none, or that cannot be told."""

    tensor: Tensor
    state: str


def tensor_rows(context: Context, version: Version, before: Version | None) -> tuple[TensorRow, ...]:
    """Nothing where no file has tensors that can be told, or its bytes are damaged."""
    try:
        source, tensors = _listed(context, version)
        old, known = _listed(context, before) if before is not None and tensors else (source, {})
    except Damaged:
        return ()
    shown = sorted(tensors.values(), key=lambda one: (one.file, natural(one.name)))[:MOST]
    return tuple(TensorRow(one, _state(old, known, source, one)) for one in shown)


def _listed(context: Context, version: Version) -> tuple[Source, dict[tuple[str, str], Tensor]]:
    """The tensors by file and name."""
    source = Source(operations.sides.VersionSide(context, context.view(), version.name, Buffers()), before=False)
    found = [one for name, files in source.groups().items() for one in source.tensors(files, name)]
    return source, {(one.file, one.name): one for one in found}


def _state(old: Source, known: dict[tuple[str, str], Tensor], source: Source, tensor: Tensor) -> str:
    if not known:
        return ""
    was = known.get((tensor.file, tensor.name))
    if was is None:
        return "new"
    if (was.dtype, was.shape, was.order) != (tensor.dtype, tensor.shape, tensor.order):
        return "changed"
    try:
        return "equal" if are_equal(old, was, source, tensor) else "changed"
    except Unreadable:
        return ""
