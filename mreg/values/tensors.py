"""Tensors of model files, and how those of two versions differ."""

from __future__ import annotations

import re
from typing import Final

from mreg.values.named_tuple import NamedTuple

__all__ = ["SkippedTensor", "Statistics", "Tensor", "TensorDiff", "TensorPair", "Tensors"]

_DIGITS: Final = re.compile(r"([0-9]{1,18})")


class Tensor(NamedTuple):
    """A tensor in a file of a version.

    name: as its format says, escaped nowhere. file: the path in the version. dtype: in the spelling of safetensors
    (`BF16`), or ggml's for quantised blocks (`Q4_K`); "" if it is none of them. shape: outermost dimension first.
    start, size: where its bytes lie in the file. order: of the elements, "C" (row-major), "F" (column-major), or "" if
    they do not lie one after the other. tied_to: the name that the same bytes have besides. group: the file, or set of
    shards, that it was looked for in on the other side. deflated: where compressed bytes lie in the file, from which
    one on and how many, if `start` is a place in what they decompress to; None: it is not compressed.
    """

    name: str
    file: str
    dtype: str
    shape: tuple[int, ...]
    start: int
    size: int
    order: str = "C"
    tied_to: str | None = None
    group: str = ""
    deflated: tuple[int, int] | None = None


class Statistics(NamedTuple):
    """How the values of two tensors of one shape differ; a before, b after, summed up in float64 over the pairs of
    finite values.

    relative: |b - a| / |a| (Euclidean norms); infinite where a is all zeros and b is not. largest: the largest
    |b - a|. changed: the share of elements whose bits differ, 0 to 1. cosine: of the angle between a and b; None where
    a norm is 0. norm_before, norm_after: Euclidean norms. The rest: how many elements are NaN, or infinite.
    For integers and booleans there are largest and changed only.
    """

    changed: float
    largest: float | None = None
    relative: float | None = None
    cosine: float | None = None
    norm_before: float | None = None
    norm_after: float | None = None
    nan_before: int = 0
    nan_after: int = 0
    inf_before: int = 0
    inf_after: int = 0


class TensorPair(NamedTuple):
    """A tensor before and after. statistics: None where the values were not compared: nobody asked, or the bytes are
    equal, the shape is another, or the dtype has no values. rounded: whether after is before, cast to its dtype
    (rounded to nearest, ties to even); None where that was not looked at."""

    before: Tensor
    after: Tensor
    statistics: Statistics | None = None
    rounded: bool | None = None

    @property
    def blew_up(self) -> bool:
        """Are there more NaN or infinite values than before?"""
        found = self.statistics
        return found is not None and (found.nan_after > found.nan_before or found.inf_after > found.inf_before)


class SkippedTensor(NamedTuple):
    """What could not be compared, and why: a tensor, or all of a file where `tensor` is None. damaged: because its
    bytes are. before: whether it is of the first of the two versions."""

    file: str
    tensor: str | None
    reason: str
    damaged: bool = False
    before: bool = True


class Tensors(NamedTuple):
    """The tensors of a version, or of one file of it, in the order of the files. skipped: files whose tensors cannot be
    told, or not all. metadata: what safetensors files say of themselves, by file."""

    tensors: tuple[Tensor, ...]
    skipped: tuple[SkippedTensor, ...]
    metadata: dict[str, dict[str, str]]


class TensorDiff(NamedTuple):
    """The tensors of two versions side by side, each in one of these. changed: other values, same dtype and shape.
    cast: another dtype. reshaped: another shape. renamed: equal bytes under another name, or in another file. equal:
    did not change. skipped: what could not be compared.

    prefixes: what all names of either side begin with and none of the other's, where they would be found there without
    it ("" where there is no such thing).
    """

    changed: tuple[TensorPair, ...] = ()
    cast: tuple[TensorPair, ...] = ()
    reshaped: tuple[TensorPair, ...] = ()
    renamed: tuple[TensorPair, ...] = ()
    added: tuple[Tensor, ...] = ()
    removed: tuple[Tensor, ...] = ()
    equal: tuple[TensorPair, ...] = ()
    skipped: tuple[SkippedTensor, ...] = ()
    prefixes: tuple[str, str] = ("", "")

    @property
    def differs(self) -> bool:
        """Does any tensor, or could any that was not compared?"""
        return any(self[:6]) or bool(self.skipped)

    @property
    def damaged(self) -> bool:
        return any(one.damaged for one in self.skipped)


def natural(name: str) -> list[tuple[int, str]]:
    """A key to sort names by, `layers.2` before `layers.10`."""
    return [(int(part), "") if part.isascii() and part.isdigit() else (-1, part) for part in _DIGITS.split(name)]


def largest_change(pair: TensorPair) -> tuple[object, ...]:
    """A key to sort pairs by: what blew up first, then the largest relative difference, then the share of elements
    that changed."""
    found = pair.statistics
    sizes = (-(found.relative or 0), -found.changed) if found else (0, 0)
    return (not pair.blew_up, *sizes, natural(pair.after.name))
