"""Patterns as those of .gitignore: what they choose, that nobody's take long, and what is refused."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given, settings, strategies as st

from mreg.values import patterns
from mreg.values.patterns import InvalidPattern, Patterns

CHOSEN = [
    ("a", ["a", "b/a", "a/b", "b/a/c", "a/"], ["ab", "b"]),
    ("a/", ["a/", "a/b", "b/a/c"], ["a", "b/a"]),
    ("/a", ["a", "a/b"], ["b/a"]),
    ("a/b", ["a/b", "a/b/c"], ["b", "c/a/b", "a/c/b"]),
    ("*", ["a", "a/b", ".a"], []),
    ("*.bin", ["a.bin", "b/a.bin", ".bin"], ["a.bins", "abin"]),
    ("a*", ["a", "ab", "b/ac/d"], ["ba"]),
    ("a*b*c", ["abc", "a-b-c", "abbcbc"], ["acb", "ab/c"]),
    ("a/*", ["a/b", "a/b/"], ["a", "a/b/c", "c/a/b"]),
    ("?", ["a", "b/a"], ["ab", "aa/bb"]),
    ("a?c", ["abc"], ["a/c", "ac"]),
    ("**", ["a", "a/b"], []),
    ("**/", ["a/", "a/b"], ["a"]),
    ("**/a", ["a", "b/a", "b/c/a/d"], ["ab"]),
    ("a/**", ["a/b", "a/b/c"], ["a", "b/a/c"]),
    ("a/**/b", ["a/b", "a/c/b", "a/c/d/b/e"], ["a/c", "b", "c/a/b"]),
    ("a/**/b/**/c", ["a/b/c", "a/x/b/b/y/c"], ["a/c/b", "a/b"]),
    ("/**/a/*.c", ["a/b.c", "x/a/b.c"], ["a/x/b.c"]),
    ("a**b", ["ab", "axb"], ["a/b"]),
    ("[ab]", ["a", "x/b"], ["c", "ab"]),
    ("[a-c]1", ["a1", "b1", "c1"], ["d1"]),
    ("[!a]", ["b"], ["a", "bb"]),
    ("[^a-c]", ["d"], ["b"]),
    ("x[!a]y", ["xby"], ["xay", "x/y"]),
    ("[]]", ["]"], ["["]),
    ("[]-a]", ["]", "_", "a"], ["b", "-"]),
    ("[a-]", ["a", "-"], ["b"]),
    ("[.-0]", [".", "0"], ["1", "x/y"]),
    ("[c-a]", [], ["a", "b", "c", "-"]),
    ("[a", ["[a"], ["a"]),
    (r"\*", ["*"], ["a"]),
    (r"a\ ", ["a "], ["a"]),
    ("a  ", ["a"], ["a  "]),
    (r"\#a", ["#a"], []),
    (r"\!a", ["!a"], ["a"]),
    ("#a", [], ["#a", "a"]),
    ("", [], ["a"]),
    ("/", [], ["a", "a/"]),
    ("a+(b)|c.", ["a+(b)|c."], ["ab", "c"]),
    ("ß.ü", ["ß.ü"], ["ss.ü"]),
]


@pytest.mark.parametrize(("pattern", "chosen", "left"), CHOSEN, ids=[repr(pattern) for pattern, *_ in CHOSEN])
def test_a_pattern_chooses_what_gitignore_says(pattern: str, chosen: list[str], left: list[str]) -> None:
    match = Patterns([pattern]).match

    assert ([path for path in chosen if not match(path)], [path for path in left if match(path)]) == ([], [])


def test_the_last_pattern_that_matches_decides() -> None:
    match = Patterns(["*.bin", "!keep.bin", "b/*", "!b/a", "b/a/c"]).match

    assert [path for path in ("a.bin", "keep.bin", "x/keep.bin", "b/x", "b/a", "b/a/c") if match(path)] == [
        "a.bin",
        "b/x",
        "b/a/c",
    ]


def test_no_pattern_chooses_nothing() -> None:
    assert not Patterns([]).match("a")


globs = st.lists(st.sampled_from(["a", "b", "*", "?", "[ab]", "[!a]"]), min_size=1, max_size=7).map("".join)
globs = globs.filter(lambda glob: glob.strip("*"))
paths = st.lists(st.text("abc", min_size=1, max_size=4), min_size=1, max_size=4).map("/".join)


@given(glob=globs, path=paths)
@settings(max_examples=300, deadline=None)
def test_a_star_ends_wherever_the_rest_fits(glob: str, path: str) -> None:
    """The slow way, which tries every length, comes to the same."""

    def fits(pattern: str, text: str) -> bool:
        if not pattern:
            return not text or text[0] == "/"
        if pattern[0] == "*":
            return fits(pattern[1:], text) or (text[:1] not in ("", "/") and fits(pattern, text[1:]))
        if not text or text[0] == "/":
            return False
        end = pattern.index("]") + 1 if pattern[0] == "[" else 1
        fixed = {"?": True, "[ab]": text[0] in "ab", "[!a]": text[0] != "a"}.get(pattern[:end], pattern[0] == text[0])
        return fixed and fits(pattern[end:], text[1:])

    starts = [0, *(at + 1 for at, char in enumerate(path) if char == "/")]

    assert Patterns([glob]).match(path) == any(fits(glob, path[start:]) for start in starts)


HOSTILE = """
import resource
from mreg.values.patterns import Patterns
resource.setrlimit(resource.RLIMIT_CPU, (30, 30))
name = "a" * 255
few = "*a" * 40 + "b", "*?" * 200 + "b", "[a]*" * 60 + "b", "a*" * 2000
for pattern in (*few, "**/a*/" * 60 + "b", "**/*a/*a/" * 30 + "b"):
    for path in (name, "/".join([name] * 15), "/".join("a" * 1500)):
        Patterns([pattern, "!" + pattern]).match(path)
"""


def test_a_pattern_of_many_stars_does_not_go_back_and_forth() -> None:
    """The limit is that of the processor's time: what tried all lengths would not end in a year."""
    subprocess.run([sys.executable, "-c", HOSTILE], check=True)


@pytest.mark.parametrize("lines", [["!"], ["a\\"], ["a\\/b"], ["x" * 5000], ["a"] * 10_001], ids=range(5))
def test_what_is_no_pattern_or_too_much_is_refused(lines: list[str]) -> None:
    with pytest.raises(InvalidPattern):
        Patterns(lines)


def test_as_many_patterns_as_are_taken_are_found_fast_enough_to_be_used() -> None:
    match = Patterns([f"name-{number}*.bin" for number in range(patterns.MOST)]).match

    assert match("folder/name-9999-x.bin") and not match("folder/name.bin")
