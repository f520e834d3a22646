"""The tensors of a file by name, dtype and shape, for who compares or reads them.

Beside the maps of `detect.spans`, which are made for cutting and know a tensor only by an identity.
"""

from __future__ import annotations

import io
import math
import struct
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

from mreg.content.formats import gguf, hdf5, npy, safetensors, torch_pickle, zipped
from mreg.content.formats.inflating import LARGEST_RATIO, BrokenMember, Inflating
from mreg.content.formats.spans import ITEM_SIZE, MOST_PARTS, SeekableFile, Unmappable, read_at, read_sound
from mreg.values.errors import Damaged
from mreg.values.named_tuple import NamedTuple
from mreg.values.tensors import Tensor

_LFS: Final = b"version https://git-lfs.github.com/spec/"
_NOTHING_ZIPPED: Final = b"PK\5\6"
_USUAL: Final = 1 << 10
"""Bytes that hold the header of nearly every NPY file."""
_HEAD: Final = max(len(_LFS), len(torch_pickle.OLD))
_TENSORS_ONLY: Final = ("safetensors", "gguf", "npy", "npz")
"""Endings of the names of files that hold tensors and nothing else."""


class Broken(NamedTuple):
    """damaged: whether it is because its bytes are not what they were."""

    name: str
    reason: str
    damaged: bool


class Listing(NamedTuple):
    """The tensors of a file in the order that it names them in. reason: why not all of them can be told; "" where all
    are. A file that holds none has neither. broken: those of which no more than the name can be told."""

    tensors: tuple[Tensor, ...] = ()
    reason: str = ""
    broken: tuple[Broken, ...] = ()


def tensors_of(file: SeekableFile, size: int, path: str, *, inflated: bool = False) -> Listing:
    """The tensors of a file of `size` bytes, called `path` in what is made of it. inflated: also those that are
    compressed (`Tensor.deflated`). Raises only the OSError of real input and output, and whatever `file` raises."""
    head = read_at(file, 0, _HEAD) if size else b""
    try:
        if head.startswith(zipped.MAGIC):
            return _zipped(file, size, path, inflated)
        if head.startswith(npy.MAGIC):
            return _sound(npy.listed(file, 0, size, path, ""), size)
        if head.startswith(gguf.MAGIC):
            return _sound(gguf.listed(file, size, path), size)
        if head.startswith(hdf5.MAGIC):
            return _datasets(file, 0, size, path)
        if head.startswith(torch_pickle.OLD):
            return Listing(reason="it is in PyTorch's format from before 1.6, which is not a ZIP archive")
        if head[8:9] == b"{":
            return _sound(safetensors.listed(file, size, path), size)
    except (Unmappable, struct.error, OverflowError, ValueError):
        return Listing(reason="it contradicts its format, or itself")
    return Listing(reason=_why_none(head, path))


def _why_none(head: bytes, path: str) -> str:
    """Why a file that begins so cannot have the tensors that its name promises; empty where it promises none."""
    kind = next((kind for kind in _TENSORS_ONLY if path.lower().endswith(f".{kind}")), None)
    if kind is None or (kind == "npz" and head.startswith(_NOTHING_ZIPPED)):
        return ""
    if not head:
        return "it is empty"
    if head.startswith(_LFS):
        return "it is a Git LFS pointer; `git lfs pull` fetches the file itself"
    return f"it does not start like a {kind} file"


def _zipped(file: SeekableFile, size: int, path: str, inflated: bool) -> Listing:
    members = zipped.members(file, size)
    if (pickle := torch_pickle.pickle_of(members)) is not None:
        found, reason = torch_pickle.listed(file, path, members, pickle)
        listing = _sound(found, size)
        return listing._replace(reason=listing.reason or reason)
    weights = next((member for member in members if member.stored and member.name.endswith(".h5")), None)
    if weights is not None:
        return _datasets(file, weights.start, weights.size, path)
    arrays = [member for member in members if member.name.endswith(".npy")]
    compressed = sum(not (member.stored or (inflated and member.deflated)) for member in arrays)
    broken: list[Broken] = []
    listing = _sound(_arrays(file, path, arrays, inflated, broken), size)
    reason = listing.reason or _left_out(compressed, "array", "compressed")
    return listing._replace(reason=reason, broken=tuple(broken))


def _arrays(
    file: SeekableFile, path: str, members: Iterable[zipped.Member], inflated: bool, broken: list[Broken]
) -> Iterator[Tensor]:
    """broken: takes those that cannot be read."""
    for member in members:
        name = member.name.removesuffix(".npy")
        try:
            if member.stored:
                yield from npy.listed(file, member.start, member.size, path, name)
            elif member.deflated and inflated:
                yield from _inflated(file, member, path, name)
        except BrokenMember as error:
            broken.append(Broken(name, f"what it is compressed to is broken: {error}", damaged=False))
        except Damaged as error:
            broken.append(Broken(name, error.reason, damaged=True))


def _inflated(file: SeekableFile, member: zipped.Member, path: str, name: str) -> Iterator[Tensor]:
    """The array of a compressed member. Raises Unmappable where it cannot be one, BrokenMember, Damaged."""
    if member.full > LARGEST_RATIO * member.size:
        raise Unmappable
    stream = Inflating(lambda *at: read_sound(file, *at), member.start, member.size, npy.HEADER_MOST)
    for most in (_USUAL, 2 * npy.HEADER_MOST):
        head = io.BytesIO(stream.read_at(0, min(member.full, most)))
        for one in npy.listed(head, 0, member.full, path, name):
            yield one._replace(deflated=(member.start, member.size))
            return


def _datasets(file: SeekableFile, start: int, size: int, path: str) -> Listing:
    """The datasets of an HDF5 file, which may lie in a Keras archive."""
    walk = hdf5.Walk(file, start, size)
    listing = _sound(hdf5.listed(walk, path), start + size)
    return listing._replace(reason=listing.reason or _left_out(walk.left_out, "dataset", "stored in chunks, or apart"))


def _left_out(count: int, what: str, how: str) -> str:
    if not count:
        return ""
    return f"{count} {what} of it is {how}" if count == 1 else f"{count} {what}s of it are {how}"


def _sound(found: Iterable[Tensor], size: int) -> Listing:
    """Those that lie in the file and are as long as dtype and shape say."""
    tensors = tuple(islice(found, MOST_PARTS + 1))
    if len(tensors) > MOST_PARTS:
        return Listing(reason=f"it has more than {MOST_PARTS} tensors")
    good = tuple(one for one in tensors if _is_sound(one, size))
    return Listing(good, "" if len(good) == len(tensors) else "some of its tensors lie outside the file")


def _is_sound(tensor: Tensor, size: int) -> bool:
    start, length = tensor.deflated or (tensor.start, tensor.size)
    inside = start >= 0 and length >= 0 and start + length <= size
    item = ITEM_SIZE.get(tensor.dtype)
    return inside and (item is None or math.prod(tensor.shape) * item == tensor.size)
