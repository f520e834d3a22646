"""What `log` of a mapping was given: files, bytes and streams under the names that they are to have in the version."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, Final

from mreg.intake.scan import Source, check_path, source_of
from mreg.small_files import scratch_folder
from mreg.values.contents import Contents
from mreg.values.errors import InvalidInput

_BLOCK: Final = 1 << 20


class NoContent(InvalidInput):
    code = "no-content"
    template = "{path!r} cannot be made from {kind}"

    path: str
    kind: str


@contextmanager
def sources_of(contents: Contents) -> Iterator[list[Source]]:
    """The files of a mapping from their paths in the version to what they hold, sorted, for the block. Bytes and
    streams are put into temporary files meanwhile, as a file may have to be read again.

    Raises MissingPath, UnsupportedFile, UnreadableFile, NoContent; what a stream raises."""
    for path in contents:
        check_path(path, path)
    with scratch_folder() as folder:
        files = {
            path: os.fspath(content)
            if isinstance(content, str | os.PathLike)
            else _written(os.path.join(folder, str(number)), path, content)
            for number, (path, content) in enumerate(sorted(contents.items(), key=lambda item: item[0]))
        }
        yield [source_of(path, file) for path, file in files.items()]


def _written(place: str, path: str, content: bytes | bytearray | memoryview | BinaryIO) -> str:
    """The new file `place` with what `path` is to hold."""
    stream = io.BytesIO(content) if isinstance(content, bytes | bytearray | memoryview) else content
    if not hasattr(stream, "read"):
        raise NoContent(path=path, kind=f"a value of type {type(content).__name__}")
    with open(place, "xb") as file:
        while block := stream.read(_BLOCK):
            if isinstance(block, str):
                raise NoContent(path=path, kind="a stream of text")
            file.write(block)
    return place
