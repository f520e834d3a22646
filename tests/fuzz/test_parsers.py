"""No bytes at all bring a parser to anything but a value or a clear error."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from targets import REFUSED, TARGETS

Count = Callable[[str, int], None]

TELLING = [b"\xff" * 8, b"\x00" * 8, b"[" * 2000, b"9" * 5000, b'"' * 3, b"\xed\xa0\x80", b"../", b"\n", b"1e999"]
"""What parsers have stumbled over before: lengths, depths, digits, quotes, surrogates, ways up."""


@st.composite
def mutants(draw: st.DrawFn, samples: tuple[bytes, ...]) -> bytes:
    """A sample to which up to four things have happened."""
    data = bytearray(draw(st.sampled_from(samples)))
    for _ in range(draw(st.integers(0, 4))):
        at, other = (draw(st.integers(0, len(data))) for _ in range(2))
        start, end = min(at, other), max(at, other)
        match draw(st.sampled_from(("flip", "cut", "drop", "twice", "insert", "put", "splice"))):
            case "flip" if at < len(data):
                data[at] ^= 1 << draw(st.integers(0, 7))
            case "cut":
                del data[at:]
            case "drop":
                del data[start:end]
            case "twice":
                data[start:start] = data[start:end]
            case "insert":
                data[at:at] = draw(st.sampled_from(TELLING) | st.binary(max_size=9))
            case "put":
                telling = draw(st.sampled_from(TELLING) | st.binary(max_size=9))
                data[at : at + len(telling)] = telling
            case "splice":
                data[start:] = draw(st.sampled_from(samples))[at:]
    return bytes(data)


@pytest.mark.parametrize("name", TARGETS)
def test_the_first_sample_is_understood(name: str) -> None:
    """What is made of one that is refused would never get behind the first check."""
    REFUSED.clear()

    TARGETS[name].judge(TARGETS[name].samples[0])

    assert name == "table" or REFUSED == []  # that is judged a second time, with a seal too many


@pytest.mark.parametrize("examples", [200, pytest.param(10_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", TARGETS)
def test_any_bytes_give_a_value_or_a_clear_error(name: str, examples: int, count: Count) -> None:
    target, tried = TARGETS[name], 0
    inputs = mutants(tuple(target.samples)) | st.binary(max_size=80) | st.text(max_size=40).map(str.encode)

    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
    @given(data=inputs)
    def judge(data: bytes) -> None:
        nonlocal tried
        tried += 1
        target.judge(data)

    judge()

    assert tried >= 40
    count("damaged and hostile bytes", tried)


@pytest.mark.parametrize("name", TARGETS)
def test_every_flipped_bit_and_every_shorter_sample_gives_a_value_or_a_clear_error(name: str, count: Count) -> None:
    target, tried = TARGETS[name], 0
    for sample in target.samples:
        for at in range(min(len(sample), 600)):
            target.judge(sample[:at])
            for bit in (0, 3, 7):
                flipped = bytearray(sample)
                flipped[at] ^= 1 << bit
                target.judge(bytes(flipped))
            tried += 4

    assert tried >= 40
    count("damaged and hostile bytes", tried)
