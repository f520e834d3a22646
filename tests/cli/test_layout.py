"""Tables and lines: what is aligned, what is cut, and what never is."""

from __future__ import annotations

import pytest

from mreg.cli import layout
from mreg.cli.layout import Column

HEADINGS = ["version", "aliases", "size", "message"]
ROWS = [
    [
        "v10",
        "best, production",
        "16.1 GiB",
        "epoch 12: cosine schedule, warmup 500, batch size 32, and much more to say",
    ],
    ["v9", "", "17 B", "short"],
]


def test_a_table_that_fits_is_aligned_with_numbers_to_the_right() -> None:
    assert list(layout.table(HEADINGS, ROWS, 140)) == [
        "version  aliases               size  message",
        f"v10      best, production  16.1 GiB  {ROWS[0][3]}",
        "v9                             17 B  short",
    ]


def test_the_message_is_cut_to_the_terminal_and_nothing_else_is() -> None:
    lines = list(layout.table(HEADINGS, ROWS, 80))

    assert lines[1] == "v10      best, production  16.1 GiB  epoch 12: cosine schedule, warmup 500, bat…"
    assert max(map(len, lines)) == 80


def test_a_row_that_is_too_wide_takes_several_lines_instead_of_being_cut() -> None:
    rows = [["a-name-that-is-as-long-as-names-may-be", "v100", "16.1 GiB"]]

    assert list(layout.table(["name", "latest", "size"], rows, 40)) == [
        "a-name-that-is-as-long-as-names-may-be",
        "  latest: v100",
        "  size: 16.1 GiB",
    ]


def test_one_long_name_has_a_line_of_its_own_and_the_others_a_table() -> None:
    long = "a-name-of-a-hundred-characters-" * 2
    rows = [
        ["digits", "artifact", "v1", "best=v1", "one"],
        [long, "artifact", "v11", "", "two " * 20],
        ["x", "model", "v2", "", ""],
    ]

    assert list(layout.table(["name", "kind", "latest", "aliases", "message"], rows, 60)) == [
        "name    kind      latest  aliases  message",
        "digits  artifact  v1      best=v1  one",
        long,
        "        artifact  v11              two two two two two two…",
        "x       model     v2",
    ]


def test_a_row_with_a_wide_cell_in_its_middle_takes_several_lines_and_no_other_does() -> None:
    rows = [["a", "v1", "1 B"], ["b", "0.1234567890" * 3, "2 B"], ["c", "v3", "3 B"]]

    assert list(layout.table(["name", "acc", "size"], rows, 40)) == [
        "name  acc  size",
        "a     v1    1 B",
        "b",
        f"  acc: {rows[1][1]}",
        "  size: 2 B",
        "c     v3    3 B",
    ]


def test_a_message_without_room_stands_below_its_row() -> None:
    lines = list(layout.table(HEADINGS, ROWS, 40))

    assert lines == [
        "version  aliases               size",
        "v10      best, production  16.1 GiB",
        "    epoch 12: cosine schedule, warmup 5…",
        f"v9{' ' * 29}17 B",
        "    short",
    ]


@pytest.mark.parametrize("age", ["just now", "1 min", "10 mo"])
def test_a_message_is_shown_however_wide_the_other_columns_are(age: str) -> None:
    headings = ["version", "aliases", "size", "files", "age", Column("metrics.acc", right=True), "message"]

    shown = list(layout.table(headings, [["v0", "first-stable best", "17 B", "1", age, "0.91666", "epoch 12"]], 40))

    assert max(map(len, shown)) <= 40
    assert "epoch 12" in " ".join(shown)


def test_columns_without_values_are_left_out() -> None:
    assert list(layout.table(HEADINGS, [["v0", "", "1 B", ""]], 80)) == ["version  size", "v0        1 B"]


def test_wide_and_combining_characters_align() -> None:
    rows = [["最良", "x"], ["cafe\u0301", "y"], ["plain", "z"]]

    lines = list(layout.table(["name", "tag"], rows, 80))

    assert lines == ["name   tag", "最良   x", "cafe\u0301   y", "plain  z"]
    assert {layout.width_of(line[: line.rindex(end)]) for line, end in zip(lines[1:], "xyz", strict=True)} == {7}


@pytest.mark.parametrize("width", [8, 9, 20])
def test_a_cut_text_of_wide_characters_is_never_too_wide(width: int) -> None:
    assert layout.width_of(layout.cut("学習率を下げた" * 4, width)) in (width - 1, width)


def test_colours_have_one_meaning_each_and_do_not_shift_columns() -> None:
    headings = ["", "alias", "digest", Column("acc", right=True)]

    plain = list(layout.table(headings, [["+", "best", "c0ffee", "1"], ["-", "old", "dead", "22"]], 80))
    painted = list(layout.table(headings, [["+", "best", "c0ffee", "1"], ["-", "old", "dead", "22"]], 80, layout.paint))

    assert painted[1] == "\x1b[32m+\x1b[0m  \x1b[36mbest\x1b[0m   \x1b[2mc0ffee\x1b[0m    1"
    assert painted[2].startswith("\x1b[31m-\x1b[0m")
    assert plain[1] == "+  best   c0ffee    1"


def test_lines_are_aligned_and_never_cut() -> None:
    rows = [["mnist:best", "v5 -> v8"], ["digits:production", "v1 -> v2", "(mnist:v8)"]]

    assert list(layout.aligned(rows)) == [
        "  mnist:best         v5 -> v8",
        "  digits:production  v1 -> v2  (mnist:v8)",
    ]


def test_text_is_wrapped_between_words() -> None:
    assert list(layout.wrapped("one two three", 9, indent=2)) == ["  one two", "  three"]
