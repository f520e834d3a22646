"""Which format a file has, told from its first bytes alone: names lie, and checkpoints have any name."""

from __future__ import annotations

from mreg.content.formats import gguf, hdf5, npy, safetensors, zipped
from mreg.content.formats.spans import Kind, SeekableFile, Span, read_at


def spans(file: SeekableFile, size: int) -> list[Span]:
    """The map of a file of `size` bytes: contiguous spans that cover it, none of them empty.

    A file of no known format, or one that contradicts itself, is one opaque span. Leaves the file's
    position anywhere. Raises only the OSError of real input and output.
    """
    if size == 0:
        return []
    found: list[Span] | None = None
    head = read_at(file, 0, 9)
    if head.startswith(zipped.MAGIC):
        found = zipped.spans(file, size)
    elif head.startswith(npy.MAGIC):
        found = npy.spans(file, size)
    elif head.startswith(gguf.MAGIC):
        found = gguf.spans(file, size)
    elif head.startswith(hdf5.MAGIC):
        found = hdf5.spans(file, size)
    elif head.endswith(b"{"):  # safetensors has no magic: 8 bytes of length, then a JSON object
        found = safetensors.spans(file, size)
    return found or [Span(0, size, Kind.OPAQUE)]
