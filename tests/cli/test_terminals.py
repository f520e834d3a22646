"""What is written to a pseudo-terminal is read to its last byte, whatever the kernel says too early."""

from __future__ import annotations

import errno
import os

import pytest
from terminals import shown_on


def test_what_comes_after_the_first_sign_of_the_end_is_read_too(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = os.openpty()
    read, said = os.read, iter([True, False, True])

    def early(descriptor: int, size: int) -> bytes:
        if descriptor == ours and next(said, False):
            raise OSError(errno.EIO, "all writers are gone")
        return read(descriptor, size)

    monkeypatch.setattr(os, "read", early)
    os.write(theirs, b"one line\n")
    os.close(theirs)

    assert b"".join(shown_on(ours, 60)) == b"one line\r\n"
    os.close(ours)


def test_a_writer_that_stays_silent_is_not_waited_for_without_end() -> None:
    ours, theirs = os.openpty()
    with pytest.raises(TimeoutError, match="no end after 0 s"):
        list(shown_on(ours, 0))
    os.close(ours)
    os.close(theirs)
