from __future__ import annotations

from itertools import repeat

import pytest
from hypothesis import given, strategies as st

from mreg.content.formats.spans import MOST_PARTS, Kind, Span, cover


def tensor(start: int, length: int) -> Span:
    return Span(start, length, Kind.TENSOR)


def opaque(start: int, length: int) -> Span:
    return Span(start, length, Kind.OPAQUE)


def test_cover_sorts_parts_and_fills_the_holes():
    assert cover([tensor(50, 30), tensor(10, 20)], 100) == [
        opaque(0, 10),
        tensor(10, 20),
        opaque(30, 20),
        tensor(50, 30),
        opaque(80, 20),
    ]


def test_cover_drops_empty_parts_even_inside_another():
    assert cover([tensor(0, 8), tensor(4, 0), tensor(8, 0)], 8) == [tensor(0, 8)]


def test_cover_of_no_parts_is_one_opaque_span():
    assert cover([], 5) == [opaque(0, 5)]
    assert cover([], 0) == []


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param([tensor(0, 5), tensor(4, 2)], id="overlap"),
        pytest.param([tensor(0, 5), tensor(0, 5)], id="same twice"),
        pytest.param([tensor(5, 6)], id="ends behind the file"),
        pytest.param([tensor(11, 1)], id="starts behind the file"),
        pytest.param([tensor(-1, 2)], id="starts before the file"),
        pytest.param([tensor(5, -1)], id="negative length"),
        pytest.param([tensor(0, 1 << 80)], id="huge"),
    ],
)
def test_cover_refuses_parts_that_cannot_be(parts):
    assert cover(parts, 10) is None


def test_cover_stops_reading_parts_that_never_end():
    assert cover(repeat(tensor(0, 0)), 10) is None
    assert cover(repeat(tensor(0, 0), MOST_PARTS), 10) == [opaque(0, 10)]


numbers = st.integers(-2, 12)


@given(st.lists(st.builds(tensor, numbers, numbers), max_size=4), st.integers(0, 10))
def test_cover_takes_each_byte_once_or_refuses(parts, size):
    taken = [byte for part in parts for byte in range(part.start, part.start + part.length)]
    sound = all(part.length >= 0 for part in parts)
    sound = sound and len(taken) == len(set(taken)) and set(taken) <= set(range(size))

    spans = cover(parts, size)

    assert (spans is not None) == sound
    if spans is not None:
        covered = [byte for span in spans for byte in range(span.start, span.start + span.length)]
        assert covered == list(range(size))
        assert [span for span in spans if span.kind is Kind.TENSOR] == sorted(
            (part for part in parts if part.length), key=lambda part: part.start
        )
