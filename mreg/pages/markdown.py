"""Cards and descriptions in Markdown, as HTML that loads nothing and runs nothing.

Parsed by markdown-it-py, which Rich brings along: CommonMark with tables, HTML switched off.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, Final

from mreg import lazy
from mreg.pages.markup import Markup, element, shown_controls, text

LONGEST: Final = 256 << 10
"""Characters of a card that are shown."""

_SCHEMES: Final = ("http://", "https://", "mailto:", "#")


def markdown(source: str) -> Markup:
    """The text as HTML. Headings begin at the third level, below those of the page; HTML in it is shown as text, and
    pictures, which would have to be loaded, as links to them."""
    shown = shown_controls(source[:LONGEST])
    html = Markup(_parser().render(shown))
    rest = element("p", f"… ({len(source):,} characters)") if len(source) > LONGEST else Markup()
    return element("div", [html, rest], class_="card")


@cache
def _parser() -> Any:
    class Parser(lazy.markdown_it.MarkdownIt):
        def validateLink(self, url: str) -> bool:
            return url.strip().lower().startswith(_SCHEMES)

    parser = Parser("commonmark", {"html": False}).enable(["table", "strikethrough"])
    parser.add_render_rule("image", _image)
    for kind in ("heading_open", "heading_close"):
        parser.add_render_rule(kind, _heading)
    parser.add_render_rule("link_open", _link)
    return parser


def _image(renderer: Any, tokens: Sequence[Any], at: int, *_: Any) -> str:
    token = tokens[at]
    return element("a", token.content or "picture", href=str(token.attrs.get("src", "")), rel="noreferrer")


def _heading(renderer: Any, tokens: Sequence[Any], at: int, options: Any, env: Any) -> str:
    token = tokens[at]
    token.tag = f"h{min(6, int(token.tag[1:]) + 2)}"
    return str(renderer.renderToken(tokens, at, options, env))


def _link(renderer: Any, tokens: Sequence[Any], at: int, *_: Any) -> str:
    return f'<a href="{text(tokens[at].attrs.get("href", ""))}" rel="noreferrer">'
