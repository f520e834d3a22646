"""Damaged and hostile stored forms: an error of one class or bytes of the right length, in bounded memory."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from samples import DTYPES, KINDS, encode, gaussian, weights

from mreg.content import codecs
from mreg.content.codecs import DELTA, PLANES, RAW, Encoded, UndecodableChunk

LENGTH = 700
KIB, MIB = 1 << 10, 1 << 20
CHANCE = np.random.default_rng(1)
BEFORE = gaussian(CHANCE, LENGTH)
BASE = weights(BEFORE, "F32")[:LENGTH]
STEP = weights(BEFORE + gaussian(CHANCE, LENGTH, 0.0001), "F32")[:LENGTH]


def survives(stored: Encoded, length: int, base: bytes | None = None) -> bool:
    """Was it decoded? If not, it was refused: anything else raises. Nothing beside the chunk is written to."""
    whole = bytearray(b"\x5a") * (length + 16)
    try:
        codecs.decode(stored.codec, stored.data, memoryview(whole)[8:-8], base)
    except UndecodableChunk:
        return False
    finally:
        assert whole[:8] == whole[-8:] == b"\x5a" * 8
    return True


SMALL_ONES = {
    "planes": (encode(STEP, "F32"), None),
    "planes of text": (encode(KINDS["text"](CHANCE, LENGTH), ""), None),
    "planes of zeros": (encode(bytes(LENGTH), "F64"), None),
    "delta": (encode(STEP, "F32", BASE), BASE),
}


@pytest.mark.parametrize("name", SMALL_ONES)
def test_every_damage_to_a_small_chunk_is_survived(name: str) -> None:
    stored, base = SMALL_ONES[name]
    codec, data = stored
    assert codec == (DELTA if base else PLANES)
    other = next(bytes(form.data) for key, (form, _) in SMALL_ONES.items() if key != name)
    damaged = [
        *(data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :] for at in range(len(data)) for bit in range(8)),
        *(data[:at] + bytes([value]) + data[at + 1 :] for at in range(min(33, len(data))) for value in range(256)),
        *(data[:at] + data[at + 1 :] for at in range(len(data))),
        *(data[:at] + b"\0" + data[at:] for at in range(len(data))),
        *(data[:at] + other[at:] for at in range(len(data))),
        *(data[:at] + other for at in range(len(data))),
    ]
    cut = [data[:end] for end in range(len(data))]
    grown = [data + rest for rest in (b"\0", b"\xff", bytes(8), data, other)]

    decoded = [survives(Encoded(codec, form), LENGTH, base) for form in damaged]

    assert any(decoded) and not all(decoded)
    assert not any(survives(Encoded(codec, form), LENGTH, base) for form in (*cut, *grown))


LARGE = {
    dtype: (weights(gaussian(CHANCE, 9000), dtype or "F32"), weights(gaussian(CHANCE, 9000), dtype or "F32"))
    for dtype in DTYPES
}


@given(
    dtype=st.sampled_from(DTYPES),
    near=st.booleans(),
    at=st.floats(0, 1, exclude_max=True),
    removed=st.integers(0, 40),
    put=st.binary(max_size=40),
    longer=st.sampled_from([0, 0, 0, -1, 1, 8]),
)
@settings(max_examples=300, deadline=None)
def test_bytes_put_in_place_of_others_are_survived(
    dtype: str, near: bool, at: float, removed: int, put: bytes, longer: int
) -> None:
    data, base = LARGE[dtype]
    if near:
        data = bytes(a ^ (b & 3) for a, b in zip(base, data, strict=True))
    stored = encode(data, dtype, base if near else None)
    start = int(at * len(stored.data))
    form = bytes(stored.data[:start]) + put + bytes(stored.data[start + removed :])
    length = len(data) + longer

    survives(Encoded(stored.codec, form), length, bytes(length) if stored.codec == DELTA else None)


@given(
    codec=st.integers(0, 4),
    form=st.binary(max_size=120)
    | st.builds(
        lambda width, lengths, rest: bytes([width]) + b"".join(n.to_bytes(4, "little") for n in lengths) + rest,
        st.sampled_from([0, 1, 2, 3, 4, 8, 255]),
        st.lists(st.integers(0, 40) | st.integers(0, 2**32 - 1), max_size=9),
        st.binary(max_size=120),
    ),
    length=st.integers(0, 120),
    base=st.none() | st.binary(max_size=120),
)
@settings(max_examples=500, deadline=None)
def test_arbitrary_stored_forms_are_survived(codec: int, form: bytes, length: int, base: bytes | None) -> None:
    survives(Encoded(codec, form), length, base)


@pytest.mark.parametrize(
    ("codec", "base"),
    [(RAW, bytes(LENGTH)), (PLANES, bytes(LENGTH)), (DELTA, None), (DELTA, bytes(LENGTH - 1)), (DELTA, b"")],
)
def test_a_base_that_is_missing_or_too_much_or_of_another_length_is_refused(codec: int, base: bytes | None) -> None:
    form = {RAW: bytes(LENGTH), PLANES: SMALL_ONES["planes"][0].data, DELTA: SMALL_ONES["delta"][0].data}[codec]

    assert not survives(Encoded(codec, form), LENGTH, base)


@pytest.mark.parametrize("codec", [3, 4, 255])
def test_an_unknown_codec_is_refused(codec: int) -> None:
    with pytest.raises(UndecodableChunk, match=f"codec {codec} is unknown"):
        codecs.decode(codec, bytes(LENGTH), memoryview(bytearray(LENGTH)))


# Hostile zstd frames, written by hand (RFC 8878, section 3.1.1).

MAGIC = bytes.fromhex("28b52ffd")
CHECKED, SINGLE, CLAIMS_8 = 0x04, 0x20, 0xC0


def window(log: int) -> bytes:
    return bytes([(log - 10) << 3])


def repeated(length: int, last: bool = True) -> bytes:
    """An RLE block: one byte, `length` times."""
    return (length << 3 | 1 << 1 | last).to_bytes(3, "little") + b"*"


def bomb(times: int) -> bytes:
    """Blocks of 128 KiB each, which take four bytes each."""
    return repeated(128 * KIB, last=False) * (times - 1) + repeated(128 * KIB)


def claim(length: int) -> bytes:
    return length.to_bytes(8, "little")


ONE_KIB = MAGIC + b"\0" + window(10) + repeated(KIB)
HOSTILE = {
    "says nothing, makes 31 MiB": MAGIC + b"\0" + window(17) + bomb(249),
    "claims 1 GiB, makes 31 MiB": MAGIC + bytes([CLAIMS_8]) + window(17) + claim(1 << 30) + bomb(249),
    "claims 1 GiB in one segment": MAGIC + bytes([CLAIMS_8 | SINGLE]) + claim(1 << 30) + bomb(249),
    "claims 1 GiB, makes 1 KiB": MAGIC + bytes([CLAIMS_8]) + window(17) + claim(1 << 30) + repeated(KIB),
    "claims nearly 2^64": MAGIC + bytes([CLAIMS_8 | SINGLE]) + claim(2**64 - 3) + repeated(KIB),
    "claims 1 byte, makes 1 KiB": MAGIC + bytes([CLAIMS_8]) + window(17) + claim(1) + repeated(KIB),
    "window of 32 MiB": MAGIC + b"\0" + window(25) + repeated(KIB),
    "window of 2 TiB": MAGIC + b"\0" + window(41) + repeated(KIB),
    "window of 16 MiB, makes 31 MiB": MAGIC + b"\0" + window(24) + bomb(249),
    "a byte too many": ONE_KIB + b"\0",
    "two frames": ONE_KIB * 2,
    "an empty frame behind": ONE_KIB + MAGIC + b"\0" + window(10) + repeated(0),
    "a frame to be skipped in front": bytes.fromhex("502a4d18") + b"\1\0\0\0x" + ONE_KIB,
    "a frame to be skipped behind": ONE_KIB + bytes.fromhex("502a4d18") + b"\1\0\0\0x",
    "a frame to be skipped alone": bytes.fromhex("502a4d18") + b"\1\0\0\0x",
    "needs a dictionary": MAGIC + b"\1" + window(10) + b"\7" + repeated(KIB),
    "wrong check sum": MAGIC + bytes([CHECKED]) + window(10) + repeated(KIB) + b"abcd",
    "no last block": MAGIC + b"\0" + window(10) + repeated(KIB, last=False),
    "a byte too few": MAGIC + b"\0" + window(10) + repeated(KIB - 1),
    "one byte more": MAGIC + b"\0" + window(11) + repeated(KIB + 1),
    "blocks of nothing": MAGIC + b"\0" + window(10) + repeated(0, last=False) * 200 + repeated(0),
    "a block of the type that is not in use": MAGIC + b"\0" + window(10) + bytes.fromhex("078000"),
    "nothing": b"",
    "its magic number alone": MAGIC,
}
PLANE_OF = {name: b"\1" + len(frame).to_bytes(4, "little") + frame for name, frame in HOSTILE.items()}


def test_a_frame_written_by_hand_is_read_where_nothing_is_wrong() -> None:
    """Without it the test below could pass for the wrong reason."""
    out = bytearray(KIB)

    codecs.decode(PLANES, b"\1" + len(ONE_KIB).to_bytes(4, "little") + ONE_KIB, memoryview(out))

    assert out == b"*" * KIB


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_frame_is_refused_in_bounded_memory(name: str) -> None:
    out = memoryview(bytearray(KIB))
    with pytest.raises(UndecodableChunk):
        codecs.decode(PLANES, PLANE_OF[name], out)

    tracemalloc.start()
    try:
        with pytest.raises(UndecodableChunk):
            codecs.decode(PLANES, PLANE_OF[name], out)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < MIB


def test_a_gibibyte_out_of_a_plane_of_64_kib_is_not_made() -> None:
    frame = MAGIC + b"\0" + window(17) + bomb(8192)
    form = b"\1" + len(frame).to_bytes(4, "little") + frame
    assert len(frame) < 64 * KIB

    assert not survives(Encoded(PLANES, form), 64 * KIB)


def test_what_zstd_itself_takes_is_bounded_too() -> None:
    """Its memory is not Python's, so the whole process is looked at."""
    script = (
        "import resource, sys; from mreg.content import codecs\n"
        "out = memoryview(bytearray(1024))\n"
        "def decode(form):\n"
        "    try: codecs.decode(codecs.PLANES, form, out)\n"
        "    except codecs.UndecodableChunk: return 0\n"
        "    return 1\n"
        "forms = [bytes.fromhex(line) for line in sys.stdin.read().split()]\n"
        "decode(forms[0])\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "done = sum(map(decode, forms))\n"
        "print(done, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    forms = [PLANE_OF["nothing"], *PLANE_OF.values()]

    done = subprocess.run(
        [sys.executable, "-c", script],
        input="\n".join(form.hex() for form in forms),
        capture_output=True,
        text=True,
        check=True,
    )

    decoded, grown = map(int, done.stdout.split())
    unit = 1 if sys.platform == "darwin" else KIB
    assert decoded == 0
    assert grown * unit < 32 * MIB
