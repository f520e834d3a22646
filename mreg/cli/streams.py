"""Standard output and standard error as a command needs them: one remembers that it failed, the other never fails."""

from __future__ import annotations

import io
import os
import sys

TYPE_CHECKING = False  # as `typing` has it, without loading that for `mreg --version`

if TYPE_CHECKING:
    from typing import TextIO

    from _typeshed import ReadableBuffer


class Output(io.FileIO):
    """Data. `failed`: some of it could not be written, buffered or not."""

    failed = False

    def write(self, data: ReadableBuffer, /) -> int:
        try:
            return super().write(data)
        except OSError:
            self.failed = True
            raise


class Notes(io.FileIO):
    """Notes and errors. A full disk must not make a command fail that did its work, so what cannot be written is
    dropped."""

    def write(self, data: ReadableBuffer, /) -> int:
        try:
            return super().write(data)
        except OSError:
            return memoryview(data).nbytes


def settle() -> None:
    """Replace `sys.stdout` and `sys.stderr` by these. Call it before anything is written."""
    if sys.stdout is None or sys.stderr is None:
        # Started with one closed (`>&-`): the first file that is opened must not become standard output. What is
        # written there fails, as it does without mreg.
        while (opened := os.open(os.devnull, os.O_RDONLY)) <= 2:
            pass
        os.close(opened)
    # A letter that they cannot show must not stop a command.
    sys.stdout, sys.stderr = _over(sys.stdout, 1, Output), _over(sys.stderr, 2, Notes)


def output_failed() -> bool:
    """Has writing to standard output failed?"""
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    return isinstance(raw, Output) and raw.failed


def _over(stream: TextIO | None, descriptor: int, kind: type[io.FileIO]) -> TextIO:
    if stream is not None and not isinstance(stream, io.TextIOWrapper):
        return stream
    encoding, at_once = "utf-8", False
    if stream is not None:
        descriptor, encoding, at_once = stream.fileno(), stream.encoding, stream.line_buffering or stream.write_through
    buffer = io.BufferedWriter(kind(descriptor, "wb", closefd=False))
    return io.TextIOWrapper(buffer, encoding, "backslashreplace", "\n", line_buffering=at_once)
