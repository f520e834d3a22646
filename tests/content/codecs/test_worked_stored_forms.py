"""Stored forms byte by byte, as docs/format.md (section 7) has them. They stand in packs that exist: if a test
here fails, the code is wrong, or the format has changed."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from mreg.content import codecs
from mreg.content.codecs import DELTA, EXTRA, PLANES, RAW, planes


class Worked(NamedTuple):
    codec: int
    chunk: str
    stored: str
    base: str | None = None


AS_IT_IS = {
    "raw": Worked(RAW, "00 ff 2a", "00 ff 2a"),
    # 1.0 and -1.0 (3f80, bf80), rotated left by a bit 7f00 and 7f01; a byte behind them.
    "planes of bf16": Worked(PLANES, "803f 80bf aa", "02 02000000 02000000 00 01 7f 7f aa"),
    # 1.0, -2.0: 3f800000, c0000000, rotated 7f000000, 80000001.
    "planes of f32": Worked(
        PLANES, "0000803f 000000c0", "04 02000000 02000000 02000000 02000000 00 01 00 00 00 00 7f 80"
    ),
    # 1.0: 3ff0000000000000, rotated 7fe0000000000000; three bytes behind it.
    "planes of f64": Worked(
        PLANES, "000000000000f03f 010203", "08" + "01000000" * 8 + "00 00 00 00 00 00 e0 7f 010203"
    ),
    # One byte wide: not rotated.
    "planes of bytes": Worked(PLANES, "81 02", "01 02000000 81 02"),
    "planes of nothing": Worked(PLANES, "0102", "04" + "00000000" * 4 + "0102"),
    # Five more, and one less: 5 and -1, folded 10 and 1.
    "delta of 16 bits": Worked(DELTA, "0500 ffff", "02 02000000 02000000 0a 01 00 00", base="0000 0000"),
    # 1.0 and the next greater number, -1.0 and the next nearer to zero; the byte behind is not a difference.
    "delta of f32": Worked(
        DELTA,
        "0100803f ffff7fbf 09",
        "04 02000000 02000000 02000000 02000000 02 01 00 00 00 00 00 00 09",
        base="0000803f 000080bf 08",
    ),
    # ff to 01 is 2 up, 01 to ff is 2 down, 00 to 80 is as far down as it goes: 4, 3, ff.
    "delta of bytes": Worked(DELTA, "01 ff 80", "01 03000000 04 03 ff", base="ff 01 00"),
    "delta of f64": Worked(DELTA, "fdffffffffffffff", "08" + "01000000" * 8 + "05" + "00" * 7, base="0000000000000000"),
}

# One segment of 12 bytes in one block, the last, of 12 times the byte that stands last.
FRAME_7F = "28b52ffd 20 0c 630000 7f"
FRAME_FF = "28b52ffd 20 0c 630000 ff"
FRAME_01 = "28b52ffd 20 0c 630000 01"

COMPRESSED = {
    "a compressed plane of bf16": Worked(PLANES, "803f 80bf" * 6, "02 0c000000 0a000000" + "00 01" * 6 + FRAME_7F),
    "two compressed planes": Worked(PLANES, "ffbf" * 12, "02 0a000000 0a000000" + FRAME_FF + FRAME_7F),
    "a compressed delta": Worked(DELTA, "ff" * 12, "01 0a000000" + FRAME_01, base="00" * 12),
}


def decoded(worked: Worked) -> bytes:
    chunk = bytes.fromhex(worked.chunk)
    out = bytearray(b"\x5a") * len(chunk)
    base = None if worked.base is None else bytes.fromhex(worked.base)
    codecs.decode(worked.codec, bytes.fromhex(worked.stored), memoryview(out), base)
    return bytes(out)


@pytest.mark.parametrize("name", [*AS_IT_IS, *COMPRESSED])
def test_a_worked_stored_form_is_read(name: str) -> None:
    worked = (AS_IT_IS | COMPRESSED)[name]

    assert decoded(worked).hex() == bytes.fromhex(worked.chunk).hex()


@pytest.mark.parametrize("name", [name for name, worked in AS_IT_IS.items() if worked.codec != RAW])
def test_a_worked_stored_form_without_zstd_is_written(name: str) -> None:
    """With zstd the bytes may be others from release to release of it."""
    worked = AS_IT_IS[name]
    chunk, stored = bytes.fromhex(worked.chunk), bytes.fromhex(worked.stored)
    base = None if worked.base is None else bytes.fromhex(worked.base)
    room = memoryview(bytearray(len(chunk) + EXTRA))

    assert planes.write(chunk, room, stored[0], base).hex() == stored.hex()
