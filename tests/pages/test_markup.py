"""HTML, Markdown and charts, piece by piece."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, strategies as st

from mreg.pages.chart import chart
from mreg.pages.markdown import markdown
from mreg.pages.markup import cut, element, text
from mreg.values import plot

MARKDOWN = {
    "*a* **b** `c`": "<em>a</em> <strong>b</strong> <code>c</code>",
    "# top": "<h3>top</h3>",
    "##### low": "<h6>low</h6>",
    "<b>raw</b>": "&lt;b&gt;raw&lt;/b&gt;",
    "<script>x</script>": "&lt;script&gt;x&lt;/script&gt;",
    "[ok](https://example.org)": '<a href="https://example.org" rel="noreferrer">ok</a>',
    "[bad](javascript:alert(1))": "[bad](javascript:alert(1))",
    "[bad](JaVaScRiPt:alert(1))": "[bad](JaVaScRiPt:alert(1))",
    "[bad](data:text/html,x)": "[bad](data:text/html,x)",
    "![cat](https://example.org/cat.png)": '<a href="https://example.org/cat.png" rel="noreferrer">cat</a>',
    "<javascript:alert(1)>": "&lt;javascript:alert(1)&gt;",
    "| a | b |\n|---|---|\n| 1 | 2 |": "<td>1</td>",
}


@pytest.mark.parametrize("source", MARKDOWN)
def test_markdown_is_shown_and_html_in_it_is_text(source: str) -> None:
    assert MARKDOWN[source] in markdown(source)


@given(st.text())
def test_no_text_gets_out_of_its_element(given_text: str) -> None:
    for made in (element("p", given_text, title=given_text), markdown(given_text)):
        assert "<script" not in made and "\u202e" not in element("p", given_text)
    assert element("p", given_text).count("<") == 2


def test_control_characters_are_shown() -> None:
    assert text("a\u202eb\x1b[31m") == "a\\u202eb\\x1b[31m"
    assert text("<&\"'>") == "&lt;&amp;&quot;&#x27;&gt;"


def test_long_values_are_cut_and_say_so() -> None:
    assert cut("x" * 3000) == "x" * 2000 + "… (3,000 characters)"


def test_every_point_of_a_chart_has_a_title() -> None:
    drawn = chart("metrics.acc", [0.5, None, 0.75, float("nan")], ["v0", "v1", "v2", "v3"], {"best": "v2"})

    assert "<title>v0: 0.5</title>" in drawn and "<title>v2: 0.75</title>" in drawn
    assert drawn.count("<circle") == 2 and drawn.count(plot.GAP) == 2
    assert ">best</text>" in drawn


def test_names_of_aliases_do_not_lie_on_each_other() -> None:
    versions = [f"v{number}" for number in range(12)]
    aliases = {"best": "v11", "candidate": "v11", "stable-release": "v10", "old": "v2", "x" * 300: "v5"}

    drawn = chart("acc", [1.0] * 12, versions, aliases)

    names = re.findall(r'class="n" x="([\d.]+)" y="(\d+)" text-anchor="(\w+)">([^<]*)<', drawn)
    assert [name for *_, name in names] == ["old", "stable-release", "best, candidate"]
    assert len({y for _, y, _, name in names if name != "old"}) == 2, "neighbours are in rows of their own"
    assert "x" * 300 in drawn, "what has no room is the title of its mark"


def test_a_chart_of_many_versions_keeps_what_stands_out() -> None:
    values = [0.5] * 5000 + [9.0] + [0.5] * 5000

    drawn = chart("metrics.acc", values, [f"v{number}" for number in range(len(values))], {})

    assert "<title>v5000: 9.0</title>" in drawn and len(drawn) < 150_000
